"""What the tests of the Open Inference Protocol share."""

import pytest

from tests.support.v2_requests import pack_models


@pytest.fixture(scope="session")
def v2_store(tmp_path_factory):
    """A store with the models of tests.support.v2_requests."""
    store = tmp_path_factory.mktemp("store")
    pack_models(store)
    return store


@pytest.fixture
def infer(app):
    """A function that posts to .../infer of the module's `app`: the answer's JSON after checking its status."""

    def post(model="iris", status=200, **sent):
        answer = app.test_client().post(f"/v2/models/{model}/infer", **sent)
        assert answer.status_code == status, answer.text
        if status != 200:
            assert isinstance(answer.json["error"], str)
        return answer.json

    return post
