"""Every route there is, asked in every wrong way: the answer is right, is JSON, and is in the path's own dialect."""

import re

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.tiny_encoders import pack_embedder

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NAMES = {"name": "iris", "version": "1"}
UNKNOWN = ["/nothing", "/v1/nothing", "/predict/", "/invocations/", "/endpoints/iris", "/health/dead", "/v1/models/"]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=2).fit(X, y), X, y, name="iris", store=store)
    pack_embedder(store)
    return create_app(Settings(store=store))


@pytest.fixture(scope="module")
def routes(app):
    """{path: every method that some rule of this path takes}."""
    found = {}
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: NAMES.get(match[1], "x"), rule.rule)
        found.setdefault(path, set()).update(rule.methods)
    return found


def message(answer):
    """The sentence of an error, wherever the dialect of the path has it."""
    path, body = answer.request.path, answer.json
    if re.match(r"/(invocations|ping|health|version)$|/endpoints/", path):
        assert body["error_code"] in ("BAD_REQUEST", "ENDPOINT_NOT_FOUND", "RESOURCE_DOES_NOT_EXIST")
        return body["message"]
    error = body["error"]
    if re.match(r"/v1/models/.*(:predict|/schema|/metadata)$", path):
        assert isinstance(error, str)
    return error if isinstance(error, str) else error["message"]


def test_a_wrong_method_is_405_and_names_the_right_ones(app, routes, subtests):
    client = app.test_client()
    for path, allowed in routes.items():
        for method in set(METHODS) - allowed:
            with subtests.test(method=method, path=path):
                answer = client.open(path, method=method)
                assert answer.status_code == 405
                assert set(answer.headers["Allow"].split(", ")) == allowed
                assert answer.content_type == "application/json"
                if method != "HEAD":
                    assert method in message(answer)


def test_options_names_the_methods(app, routes, subtests):
    client = app.test_client()
    for path, allowed in routes.items():
        with subtests.test(path):
            answer = client.options(path)
            assert (answer.status_code, answer.data) == (200, b"")
            assert set(answer.headers["Allow"].split(", ")) == allowed


def test_head_is_get_without_the_body(app, routes, subtests):
    client = app.test_client()
    for path in [path for path, allowed in routes.items() if "GET" in allowed]:
        with subtests.test(path):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.data) == (got.status_code, b"")
            for name in ("Content-Type", "Allow", "ETag", "Vary"):
                assert head.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_are_404_in_json(app, path, method):
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.content_type) == (404, "application/json")
    assert message(answer) == f"there is nothing at {path}"


def test_routes_that_take_bodies_refuse_other_media_types(app, routes, subtests):
    client = app.test_client()
    bodiless = ("/v2/repository", "/v1/requests")
    for path in [path for path, allowed in routes.items() if "POST" in allowed and not path.startswith(bodiless)]:
        with subtests.test(path):
            answer = client.post(path, data=b"<x/>", content_type="text/xml")
            assert (answer.status_code, answer.content_type) == (415, "application/json")
            assert "send application/json" in message(answer)
