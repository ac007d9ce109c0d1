"""The routes over Flask's test client: the article's contract, V1, versions, and every kind of bad input."""

import json

import jsonschema
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from service.web.services import EXTENSION

ROW = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
NAMES = ["setosa", "versicolor", "virginica"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = y.map(dict(enumerate(NAMES)))
    pack(DecisionTreeClassifier(max_depth=1).fit(X, labels), X, labels, name="iris", store=store)
    pack(LogisticRegression(max_iter=1000).fit(X, labels), X, labels, name="iris", store=store)
    return store


@pytest.fixture(scope="module")
def client(store):
    return create_app(Settings(store=store, max_body_bytes=100_000, max_rows=50)).test_client()


def predict(client, path="/v1/models/iris:predict", **body):
    return client.post(path, json=body)


@pytest.mark.parametrize(
    "table",
    [
        [ROW, ROW],
        {"data": [ROW, ROW]},
        {"data": {name: [value, value] for name, value in ROW.items()}},
        {name: [value, value] for name, value in ROW.items()},
        {name: {"0": value, "1": value} for name, value in ROW.items()},
        [list(ROW.values())] * 2,
    ],
    ids=["records", "data", "data of columns", "columns", "to_json", "lists"],
)
def test_the_article_s_predict_takes_whatever_a_frame_takes(client, table):
    answer = client.post("/predict", json=table)
    assert (answer.status_code, answer.json) == (200, {"text": ["setosa", "setosa"]})


def test_one_record_alone_is_one_row(client):
    assert client.post("/predict", json=ROW).json == {"text": ["setosa"]}


def test_curl_s_own_content_type_is_taken(client):
    answer = client.post("/predict", data=json.dumps(ROW), content_type="application/x-www-form-urlencoded")
    assert answer.json == {"text": ["setosa"]}


def test_v1_gives_model_and_version_with_the_predictions(client):
    assert predict(client, instances=[ROW, list(ROW.values())]).json == {
        "predictions": ["setosa", "setosa"],
        "model_name": "iris",
        "model_version": "2",
    }
    assert predict(client, inputs={name: [value] for name, value in ROW.items()}).json["predictions"] == ["setosa"]


def test_outputs_are_chosen_by_request_and_probabilities_keyed_by_label(client):
    answer = predict(client, instances=[ROW], outputs=["predict", "predict_proba"]).json
    assert answer["predictions"] == answer["outputs"]["predict"] == ["setosa"]
    (probabilities,) = answer["outputs"]["predict_proba"]
    assert list(probabilities) == NAMES
    assert sum(probabilities.values()) == pytest.approx(1)
    best = predict(client, instances=[ROW], outputs=["predict_proba"], top_k=1).json["predictions"]
    assert best == [{"setosa": probabilities["setosa"]}]


def test_a_request_may_name_a_version_and_gets_that_one(client):
    for version in ("1", "2", "1"):
        answer = predict(
            client, f"/v1/models/iris/versions/{version}:predict", instances=[ROW], outputs=["predict_proba"]
        )
        assert answer.json["model_version"] == version
        (probabilities,) = answer.json["predictions"]
        assert (probabilities["setosa"] == 1) == (version == "1")  # the tree is sure, the regression is not
    unknown = predict(client, "/v1/models/iris/versions/9:predict", instances=[ROW])
    assert (unknown.status_code, unknown.json["code"]) == (404, "model_not_found")
    assert unknown.json["error"] == "iris has no version '9'; it has 1, 2"


def test_metadata_unites_kserve_tf_serving_and_openai(client):
    listed = client.get("/v1/models").json
    assert listed["models"] == ["iris"]
    assert listed["object"] == "list"
    (entry,) = listed["data"]
    assert entry | {"id": "iris", "object": "model", "default": True, "kind": "tabular", "version": "2"} == entry
    model = client.get("/v1/models/iris").json
    assert (model["name"], model["ready"], model["versions"]) == ("iris", True, ["1", "2"])
    assert model["model_version_status"][0]["state"] == "AVAILABLE"
    assert [column["name"] for column in model["columns"]] == list(ROW)
    assert model["provenance"]["packages"]["scikit-learn"]
    assert (
        predict(client, instances=model["example"]["instances"]).json["predictions"]
        == model["example"]["outputs"]["predict"]
    )
    assert client.get("/v1/models/absent").status_code == 404


def test_the_json_schema_takes_what_the_service_takes(client):
    schema = client.get("/v1/models/iris/schema").json
    checker = jsonschema.Draft202012Validator(schema)
    checker.check_schema(schema)
    good = [
        {"instances": [ROW]},
        {"instances": [list(ROW.values())], "outputs": ["predict_proba"], "top_k": 1},
        {"inputs": {name: [1] for name in ROW}},
    ]
    bad = [
        {},
        {"instances": []},
        {"instances": [ROW | {"petal width (cm)": "0.2"}]},
        {"instances": [ROW | {"petal width (cm)": None}]},
        {"instances": [[1, 2, 3]]},
        {"instances": [ROW], "inputs": {}},
        {"instances": [ROW], "outputs": ["transform"]},
        {"instances": [ROW], "surprise": 1},
    ]
    for body in good:
        assert checker.is_valid(body)
        assert predict(client, **body).status_code == 200
    for body in bad:
        assert not checker.is_valid(body)
        assert predict(client, **body).status_code in (400, 422)


BAD = [
    ("empty body", {"data": b""}, 400, "the body is empty; send JSON"),
    ("wrong type", {"data": b"<x/>", "content_type": "text/xml"}, 415, "text/xml; send application/json"),
    ("broken JSON", {"data": b'{"instances": ['}, 400, "the body is not JSON: unexpected end of data: line 1"),
    ("bytes", {"data": b"\x80\x81"}, 400, "the body is not UTF-8: byte 0x80 at offset 0"),
    ("UTF-16", {"data": b"\xff\xfe\x00"}, 400, "the body is UTF-16, by its first bytes; send UTF-8"),
    ("deep JSON", {"data": b"[" * 90_000}, 400, "the body is not JSON"),
    ("deep JSON with NaN", {"data": b"[" * 90_000 + b"NaN"}, 400, "the body is not JSON"),
    ("large body", {"data": b" " * 100_001}, 413, "larger than 100000 bytes"),
]


@pytest.mark.parametrize("path", ["/predict", "/v1/models/iris:predict"])
@pytest.mark.parametrize(("request_", "status", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bodies_that_cannot_be_read(client, path, request_, status, told):
    answer = client.post(path, **({"content_type": "application/json"} | request_))
    assert answer.status_code == status
    error = answer.json["error"]
    assert told in (error if isinstance(error, str) else error["message"])


def both(client, table):
    """The same table through both dialects: [(status, code, details, total)], which must agree."""
    found = []
    for path, body in (("/predict", {"data": table}), ("/v1/models/iris:predict", {"instances": table})):
        answer = client.post(path, json=body)
        error = answer.json if path.startswith("/v1") else answer.json["error"]
        found.append((answer.status_code, error["code"], error["details"], error.get("total")))
    assert found[0] == found[1]
    return found[0]


def test_both_dialects_report_the_same_violations(client):
    lacking = {name: value for name, value in ROW.items() if name != "sepal width (cm)"}
    assert both(client, [ROW, lacking])[2] == [
        {"row": 1, "column": "sepal width (cm)", "expected": "number", "got": "nothing"}
    ]
    status, code, details, _ = both(client, [ROW | {"petal width (cm)": "0.2"}])
    assert (status, code) == (422, "invalid_instances")
    assert details == [{"row": 0, "column": "petal width (cm)", "expected": "number", "got": '"0.2"'}]
    assert both(client, [])[:2] == (422, "invalid_instances")
    assert both(client, [ROW] * 51)[:2] == (413, "payload_too_large")
    _, _, details, total = both(client, [[None] * 4] * 50)
    assert (len(details), total) == (100, 200)


def test_the_envelope_is_checked_whole(client):
    answer = predict(client, instances=[ROW], outputs="predict", top_k=0, surprise=1)
    assert answer.status_code == 400
    assert {detail["field"] for detail in answer.json["details"]} == {"outputs", "top_k", "surprise"}
    unknown = predict(client, instances=[ROW], outputs=["predict_proba", "nonsense"])
    assert (unknown.status_code, unknown.json["code"]) == (422, "invalid_parameters")
    assert unknown.json["details"][0]["got"] == '"nonsense"'
    assert predict(client, instances=[ROW], outputs=["predict"], top_k=1).status_code == 422


def test_bare_nan_from_tf_serving_clients_is_a_missing_value(client):
    body = json.dumps({"instances": [ROW | {"petal width (cm)": float("nan")}]})
    answer = client.post("/v1/models/iris:predict", data=body)
    assert (answer.status_code, answer.json["details"][0]["got"]) == (422, "null")


def test_what_is_being_loaded_may_answer_soon(tabular_store):
    """A caller who names no model was told that there is none, with a status for which no client asks again."""
    app = create_app(Settings(store=tabular_store))
    app.extensions[EXTENSION].predictor.tell({}, {"story": "3"})
    answer = app.test_client().post("/predict", json={"text": "hello"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json["error"]["message"] == (
        "no model that generates text is served here yet, while these are being loaded: story version 3"
    )


def test_what_the_store_lacks_is_said(client):
    assert client.post("/predict", json={"text": "hello"}).json["error"]["message"] == (
        "no model that generates text is served here"
    )
    assert "POST a table" in client.get("/predict").json["error"]["message"]
    answer = predict(client, "/v1/models/absent:predict", instances=[ROW])
    assert (answer.status_code, answer.json["error"]) == (404, "there is no model 'absent'; there are iris")


def test_several_models_of_a_kind_need_a_default(store, tmp_path_factory):
    two = tmp_path_factory.mktemp("two")
    X, y = load_iris(return_X_y=True, as_frame=True)
    for name in ("a", "b"):
        pack(DecisionTreeClassifier().fit(X, y), X, name=name, store=two)
    answer = create_app(Settings(store=two)).test_client().post("/predict", json=ROW)
    assert answer.status_code == 400
    assert answer.json["error"]["message"] == (
        "several models serve predictions (a, b) and none is the default; name one in the URL"
    )
    chosen = create_app(Settings(store=two, default_tabular="b")).test_client()
    assert chosen.post("/predict", json=ROW).json == {"text": [0]}
    assert [entry["default"] for entry in chosen.get("/v1/models").json["data"]] == [False, True]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda store: None, "holds no model"),
        (
            lambda store: (store / "iris").mkdir() or (store / "iris" / "current").write_text("1"),
            "iris has no version 1, and no other; pack it again",
        ),
    ],
    ids=["no model", "no version"],
)
def test_a_store_that_cannot_be_served_answers_503_and_says_so(tmp_path, spoil, told):
    spoil(tmp_path)
    app = create_app(Settings(store=tmp_path))
    assert told in str(app.extensions["daylight"].predictor.failure)
    client = app.test_client()
    for answer in (client.get("/health/ready"), client.post("/predict", json=ROW), client.get("/v1/models/iris")):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/health/live").json == {"status": "live"}
