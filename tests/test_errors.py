"""The error tree: drawn, complete, and every error becomes its own answer."""

import inspect

import pytest

from service import errors
from service.app import create_app
from service.errors import MAX_VIOLATIONS, RequestError, ServiceError, StartupError, error_body
from service.settings import Settings

HTTP_ERRORS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, ServiceError)]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = create_app(Settings(store=tmp_path_factory.mktemp("empty")))

    @app.get("/raise/<name>", defaults={"dialect": ""})
    @app.get("/v1/models/raise/<name>")
    def fail(name, **_):
        raise getattr(errors, name)("told")

    @app.get("/unforeseen")
    def unforeseen():
        return {}["a secret of the server"]

    return app.test_client()


def test_every_error_is_drawn_in_the_docstring_and_exported():
    for one in vars(errors).values():
        if inspect.isclass(one) and issubclass(one, ServiceError | StartupError):
            assert one.__name__ in errors.__doc__
            assert one.__name__ in errors.__all__


def test_the_drawing_gives_each_error_its_status_and_code():
    drawn = [line.strip(" |-`").split() for line in errors.__doc__.splitlines()]
    for one in HTTP_ERRORS:
        line = next(words for words in drawn if words and words[0] == one.__name__)
        assert line[1:3] == [str(one.status), one.code]


@pytest.mark.parametrize("error", HTTP_ERRORS, ids=lambda one: one.__name__)
def test_every_error_becomes_its_status_and_the_one_body(client, error):
    answer = client.get(f"/raise/{error.__name__}", headers={"X-Request-ID": "abc"})
    assert answer.status_code == error.status
    assert answer.json == {"error": {"code": error.code, "message": "told", "details": [], "request_id": "abc"}}
    assert answer.headers["X-Request-ID"] == "abc"
    assert ("Retry-After" in answer.headers) == (error.status in (429, 503))


@pytest.mark.parametrize("error", HTTP_ERRORS, ids=lambda one: one.__name__)
def test_v1_gives_the_error_as_a_string(client, error):
    answer = client.get(f"/v1/models/raise/{error.__name__}", headers={"X-Request-ID": "abc"})
    assert answer.status_code == error.status
    assert answer.json == {"error": "told", "code": error.code, "details": [], "request_id": "abc"}


def test_our_own_fault_tells_the_caller_nothing_but_the_id(client):
    answer = client.get("/unforeseen")
    assert answer.status_code == 500
    assert answer.json["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.json["error"]["request_id"] == answer.headers["X-Request-ID"]


def test_unknown_paths_and_wrong_methods_are_json(client):
    unknown = client.get("/nowhere")
    assert (unknown.status_code, unknown.json["error"]["code"]) == (404, "not_found")
    wrong = client.delete("/predict")
    assert wrong.status_code == 405
    assert wrong.json["error"]["code"] == "method_not_allowed"
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_an_id_that_could_forge_a_log_line_is_replaced(client):
    answer = client.get("/health/live", headers={"X-Request-ID": "a b<script>"})
    assert answer.headers["X-Request-ID"] != "a b<script>"


def test_only_the_first_hundred_details_are_kept_and_all_are_counted():
    body = error_body(RequestError("many", details=range(250), total=250), "id")
    assert len(body["error"]["details"]) == MAX_VIOLATIONS
    assert body["error"]["total"] == 250
