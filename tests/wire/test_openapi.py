"""The OpenAPI document: every route is in it, its examples work, its schemas hold for what is really answered."""

import re

import jsonschema
import pytest
from openapi_spec_validator import validate

from service.app import create_app
from service.generation.limits import PARAMETERS
from service.packing import pack
from service.settings import Settings
from service.web.access import api_keys
from service.web.access.policy import Scope
from service.web.routes import ROUTES
from service.wire.v1.envelopes import TEXT
from service.wire.v1.json_schema import SAMPLING, request_schema
from tests.support.tiny_text import pack_tiny
from tests.support.zoo import animals

MODELS = ("knn", "one_hot_ignore", "tfidf")
DEFAULT = "one_hot_ignore"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    for animal in animals(*MODELS):
        pack(animal.estimator, animal.X, animal.y, name=animal.name, store=store)
    pack_tiny(store, name="tiny")
    return store


@pytest.fixture(scope="module")
def app(store):
    return create_app(Settings(store=store, default_tabular=DEFAULT))


@pytest.fixture(scope="module")
def client(app):
    return app.test_client()


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def followed(document, value):
    if "$ref" in value:
        for key in value["$ref"].removeprefix("#/").split("/"):
            document = document[key]
        return document
    return value


def holds(document, schema, value):
    """Whether the value is as the schema says, its references followed."""
    return jsonschema.Draft202012Validator({**schema, "components": document["components"]}).is_valid(value)


def answered_as_told(document, path, method, answer):
    """The answer's status is documented, and its body is as the document says of that status."""
    responses = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, (path, answer.status_code, answer.text)
    told = followed(document, responses[str(answer.status_code)])
    for name, header in told.get("headers", {}).items():
        assert name in answer.headers or not followed(document, header).get("required")
    schema = told["content"]["application/json"]["schema"]
    assert holds(document, schema, answer.json), (schema, answer.json)
    return answer


def test_it_is_openapi_3_1(document):
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_every_route_is_described(app, document):
    """A new view needs its line in service/wire/openapi/routes/<blueprint>.py."""
    described = {(path, method.upper()) for path, method, _ in operations(document)}
    for rule in app.url_map.iter_rules():
        pattern = re.compile(re.sub(r"<[^>]+>", r"[^/:]+", rule.rule.replace(".", r"\.")))
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            found = [path for path, verb in described if verb == method and pattern.fullmatch(path)]
            assert found, f"{method} {rule.rule} ({rule.endpoint}) is not in the document"


def test_nothing_is_described_that_is_not_there(app, document):
    bound = app.url_map.bind("localhost")
    for path, method, operation in operations(document):
        assert bound.match(path.replace("{version}", "1"), method=method.upper()), operation["operationId"]


def test_every_operation_has_a_name_of_its_own_and_a_summary(document):
    ids = [operation["operationId"] for *_, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(operation["summary"] and operation["tags"] for *_, operation in operations(document))


def test_every_example_of_a_request_is_answered_as_told(client, document):
    tried = 0
    for path, method, operation in operations(document):
        media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in media.get("examples", {}).items():
            assert holds(document, media["schema"], example["value"]), (path, name)
            answer = client.open(path.replace("{version}", "1"), method=method.upper(), json=example["value"])
            assert answer.status_code == 200, (path, name, answer.text)
            answered_as_told(document, path, method, answer)
            tried += 1
    assert tried > len(MODELS)


def test_every_example_of_an_answer_fits_its_schema(document):
    for path, _, operation in operations(document):
        for status, response in operation["responses"].items():
            media = followed(document, response).get("content", {}).get("application/json", {})
            for name, example in media.get("examples", {}).items():
                assert holds(document, media["schema"], example["value"]), (path, status, name)


@pytest.mark.parametrize("path", ["/predict", "/v1/models/knn:predict", "/v1/models/tiny:predict"])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"data": b"", "content_type": "application/json"}, 400),
        ({"data": b"<x/>", "content_type": "text/xml"}, 415),
        ({"data": b" " * (16 * 2**20 + 1), "content_type": "application/json"}, 413),
    ],
)
def test_refusals_are_as_told(client, document, path, request_, status):
    answer = client.post(path, **request_)
    assert answer.status_code == status
    answered_as_told(document, path, "post", answer)


def test_wrong_rows_and_wrong_parameters_are_refused_as_told(client, document):
    for path, body in (
        ("/predict", {"data": [{"island": 1}]}),
        ("/v1/models/knn:predict", {"instances": [[None]]}),
        ("/v1/models/tiny:predict", {"instances": ["x"], "parameters": {"top_p": 2}}),
    ):
        answer = answered_as_told(document, path, "post", client.post(path, json=body))
        assert answer.status_code == 422


def test_it_tells_the_models_own_columns(document):
    instances = document["components"]["schemas"][f"{DEFAULT}.instances"]
    row, in_order = instances["items"]["anyOf"][:2]
    assert row["required"] == list(row["properties"])
    assert len(in_order["prefixItems"]) == len(row["required"])
    assert (
        row["properties"]["bill_length_mm"]["type"] == ["number", "null"]
        or "description" in (row["properties"]["bill_length_mm"])
    )
    assert instances["examples"]


def test_the_document_is_kept_until_other_models_are_served(store, tmp_path):
    animal = next(iter(animals("knn")))
    pack(animal.estimator, animal.X, animal.y, name="knn", store=tmp_path)
    before = create_app(Settings(store=tmp_path)).test_client()
    first = before.get("/openapi.json")
    assert first.headers["ETag"] == before.get("/openapi.json").headers["ETag"]
    known = {"If-None-Match": first.headers["ETag"]}
    unchanged = before.get("/openapi.json", headers=known)
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    pack(animal.estimator, animal.X, animal.y, name="knn", store=tmp_path)
    after = create_app(Settings(store=tmp_path)).test_client().get("/openapi.json", headers=known)
    assert after.status_code == 200
    (version,) = after.json["paths"]["/v1/models/knn/versions/{version}:predict"]["post"]["parameters"][:1]
    assert version["schema"]["enum"] == ["1", "2"]


def test_without_a_model_the_document_is_sound_and_every_route_is_there(tmp_path):
    app = create_app(Settings(store=tmp_path))
    document = app.test_client().get("/openapi.json").json
    validate(document)
    test_every_route_is_described(app, document)


def test_behind_a_prefix_the_document_says_so(client):
    document = client.get("/openapi.json", environ_overrides={"SCRIPT_NAME": "/ml"}).json
    assert document["servers"] == [{"url": "/ml"}]


def test_the_schema_of_sampling_is_that_of_the_rules():
    assert SAMPLING.keys() == PARAMETERS.keys()
    samples = (None, True, -1, 0, 0.5, 1, 1.0, 2, 2.1, 3, "x", "", [1], [-1], ["x"], {}, {"1": 1}, {"x": 1}, {"1": 101})
    for name, schema in SAMPLING.items():
        checker = jsonschema.Draft202012Validator(schema)
        for value in samples:
            assert checker.is_valid(value) == (value is None or PARAMETERS[name].accepts(value)), (name, value)


def test_the_schema_of_texts_has_the_keys_of_the_envelope(client):
    entry = client.get("/v1/models/tiny").json
    assert request_schema(entry)["properties"].keys() == TEXT.fields.keys()
    schema = client.get("/v1/models/tiny/schema").json
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == "tiny version 1"


def test_with_keys_the_routes_that_ask_for_none_say_so(store, tmp_path):
    """MLflow's probes were described as locked, and answer everybody."""
    key = api_keys.add(str(tmp_path / "keys.json"), "both", ["predict", "admin"])
    client = create_app(Settings(store=store, keys_file=str(tmp_path / "keys.json"))).test_client()
    paths = client.get("/openapi.json", headers={"X-API-Key": key}).json["paths"]
    open_paths = {(route.method.lower(), route.template) for route in ROUTES if route.scope is Scope.OPEN}
    for path, operations in paths.items():
        for method, operation in operations.items():
            if (method, path) in open_paths:
                assert operation["security"] == [], path
    assert len(open_paths & {(method, path) for path, methods in paths.items() for method in methods}) >= 7
