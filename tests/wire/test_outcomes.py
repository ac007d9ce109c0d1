"""Every error of the tree in every dialect: the status, the words and the body that the protocol's clients go by."""

import inspect

import pytest

from service import errors
from service.app import create_app
from service.errors import ServiceError
from service.settings import Settings
from service.wire.dialects import DIALECTS
from service.wire.outcomes import TABLE

ERRORS = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, ServiceError)]
# A path of each dialect without a route of its own.
PATHS = {
    "daylight": "/raise",
    "v1": "/v1/models/raise",
    "v2": "/v2/raise",
    "mlflow": "/endpoints/raise",
    "openai": "/v1/raise",
    "tei": "/embed/raise",
    "ollama": "/api/raise",
}
ASK_AGAIN = {"Overloaded", "RateLimited", "Unavailable", "ModelNotReady", "Draining"}
# What the protocols' own pages and clients name.
PUBLISHED = [
    ("daylight", "InvalidInstances", 422, "invalid_instances"),
    ("v1", "InvalidInstances", 422, "invalid_instances"),
    ("v2", "InvalidInstances", 400, "invalid_instances"),
    ("v2", "InvalidParameters", 400, "invalid_parameters"),
    ("v2", "ModelNotFound", 404, "model_not_found"),
    ("mlflow", "RequestError", 400, "BAD_REQUEST"),
    ("mlflow", "InvalidInstances", 400, "INVALID_PARAMETER_VALUE"),
    ("mlflow", "InvalidParameters", 400, "INVALID_PARAMETER_VALUE"),
    ("mlflow", "ModelNotFound", 404, "RESOURCE_DOES_NOT_EXIST"),
    ("mlflow", "Unauthorized", 401, "UNAUTHENTICATED"),
    ("mlflow", "RateLimited", 429, "REQUEST_LIMIT_EXCEEDED"),
    ("mlflow", "PredictionFailed", 500, "INTERNAL_ERROR"),
    ("tei", "ContextLengthExceeded", 413, "context_length_exceeded"),
    ("tei", "InvalidParameters", 422, "invalid_parameters"),
    ("tei", "Overloaded", 429, "overloaded"),
    ("openai", "InvalidParameters", 400, "invalid_value"),
    ("openai", "ContextLengthExceeded", 400, "context_length_exceeded"),
    ("openai", "ModelNotFound", 404, "model_not_found"),
    ("openai", "Unauthorized", 401, "invalid_api_key"),
    ("openai", "Overloaded", 429, "rate_limit_exceeded"),
    ("openai", "RateLimited", 429, "rate_limit_exceeded"),
    ("openai", "PayloadTooLarge", 413, "payload_too_large"),
    ("ollama", "InvalidParameters", 400, "invalid_parameters"),
    ("ollama", "ModelNotFound", 404, "model_not_found"),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = create_app(Settings(store=tmp_path_factory.mktemp("empty")))
    for dialect, path in PATHS.items():

        @app.get(f"{path}/<name>", endpoint=dialect)
        def fail(name):
            raise getattr(errors, name)("told", details=[{"parameter": "p", "message": "m"}])

    return app.test_client()


def word(dialect, body):
    """The code in a body of the dialect, and its message; KeyError or TypeError where it has another form."""
    if dialect in ("v1", "v2", "ollama", "tei"):
        return body["code"], body["error"]
    if dialect == "mlflow":
        return body["error_code"], body["message"]
    return body["error"]["code"], body["error"]["message"]


def test_the_table_has_every_error_of_the_tree_and_nothing_else():
    assert TABLE.keys() == {error.code for error in ERRORS} | {"not_found"}
    assert {dialect.NAME for dialect in DIALECTS} == PATHS.keys()


@pytest.mark.parametrize("dialect", PATHS)
@pytest.mark.parametrize("error", ERRORS, ids=lambda one: one.__name__)
def test_every_error_in_every_dialect(client, error, dialect):
    answer = client.get(f"{PATHS[dialect]}/{error.__name__}", headers={"X-Request-ID": "abc"})
    code, message = word(dialect, answer.json)
    assert message == "told"
    assert code
    # Whose fault it is, and whether to come again, is the same in every protocol.
    assert answer.status_code // 100 == error.status // 100
    assert ("Retry-After" in answer.headers) == (error.__name__ in ASK_AGAIN)
    assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    told = answer.json["error"] if isinstance(answer.json.get("error"), dict) else answer.json
    assert (told["request_id"], told["details"]) == ("abc", [{"parameter": "p", "message": "m"}])
    if dialect == "openai":
        assert (told["param"], bool(told["type"])) == ("p", True)


@pytest.mark.parametrize(("dialect", "error", "status", "code"), PUBLISHED)
def test_what_the_protocols_publish(client, dialect, error, status, code):
    answer = client.get(f"{PATHS[dialect]}/{error}")
    assert (answer.status_code, word(dialect, answer.json)[0]) == (status, code)


@pytest.mark.parametrize("dialect", PATHS)
def test_a_path_without_a_route_has_the_form_of_its_dialect(client, dialect):
    answer = client.get(f"{PATHS[dialect]}/nothing/at/all")
    code, message = word(dialect, answer.json)
    assert (answer.status_code, message.startswith("there is nothing at")) == (404, True)
    assert code == {"mlflow": "ENDPOINT_NOT_FOUND"}.get(dialect, "not_found")


@pytest.mark.parametrize("path", ["/v1/moderations", "/v1/models/nope", "/v1/files", "/v1/models/nope/versions/2"])
def test_openais_clients_read_the_error_of_whatever_is_not_there(client, path):
    """`{"error": "a sentence"}`, V1's form, came for all of /v1: the openai package found neither code nor message."""
    for answer in (client.get(path), client.post(path, json={})):
        assert answer.status_code in (404, 405, 503)
        assert isinstance(answer.json["error"]["message"], str)
