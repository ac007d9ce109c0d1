"""MLflow's scoring protocol over Flask's test client: four forms of table, CSV, texts, probes, its own errors."""

import json

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.tiny_text import pack_tiny

ROW = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
VALUES, NAMES = list(ROW.values()), list(ROW)
BY_NAME = "/endpoints/iris/invocations"
TEXTS = "/endpoints/tiny/invocations"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    pack(LogisticRegression(max_iter=1000).fit(X, labels), X, labels, name="iris", store=store)
    pack_tiny(store)
    return store


@pytest.fixture(scope="module")
def client(store):
    return create_app(Settings(store=store, max_rows=50)).test_client()


@pytest.mark.parametrize("path", ["/invocations", BY_NAME])
@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": NAMES, "data": [VALUES, VALUES], "index": [7, 8]}},
        {"dataframe_split": {"columns": NAMES[::-1], "data": [VALUES[::-1], VALUES[::-1]]}},
        {"dataframe_split": {"data": [VALUES, VALUES]}},
        {"dataframe_records": [ROW, ROW]},
        {"instances": [ROW, ROW]},
        {"instances": [VALUES, VALUES]},
        {"inputs": {name: [value, value] for name, value in ROW.items()}},
        {"inputs": [VALUES, VALUES], "params": None},
    ],
    ids=["split", "split in another order", "split without columns", "records", "objects", "lists", "columns", "array"],
)
def test_every_form_of_table_gives_the_predictions(client, path, body):
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json) == (200, {"predictions": ["setosa", "setosa"]})


def test_csv(client):
    lines = [",".join(NAMES), *[",".join(map(str, VALUES))] * 2]
    for end in ("\n", "\r\n"):
        answer = client.post("/invocations", data=end.join(lines) + end, content_type="text/csv; charset=utf-8")
        assert (answer.status_code, answer.json) == (200, {"predictions": ["setosa", "setosa"]})


def test_params_choose_the_outputs(client):
    body = {"dataframe_records": [ROW], "params": {"outputs": ["predict", "predict_proba"], "top_k": 1}}
    (row,) = client.post("/invocations", json=body).json["predictions"]
    assert row["predict"] == "setosa"
    assert list(row["predict_proba"]) == ["setosa"]
    body["params"]["outputs"] = ["predict_proba"]
    assert client.post("/invocations", json=body).json["predictions"] == [row["predict_proba"]]


def test_keys_of_no_use_are_ignored_and_named(client):
    answer = client.post("/invocations", json={"dataframe_records": [ROW], "client_request_id": "x"})
    assert answer.json["predictions"] == ["setosa"]
    assert answer.json["warnings"] == ["key 'client_request_id' means nothing here and was ignored"]


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": "ab"},
        {"inputs": ["ab"]},
        {"inputs": {"text": ["ab"]}},
        {"instances": [{"text": "ab"}]},
        {"dataframe_split": {"columns": ["text"], "data": [["ab"]]}},
        {"dataframe_records": [{"text": "ab"}]},
    ],
    ids=lambda body: json.dumps(body),
)
def test_texts(client, body):
    answer = client.post(TEXTS, json=body | {"params": {"temperature": 0, "max_tokens": 4}})
    wanted = client.post(
        "/v1/models/tiny:predict", json={"instances": ["ab"], "parameters": {"temperature": 0, "max_tokens": 4}}
    )
    assert answer.json == {"predictions": [wanted.json["predictions"][0]["text"]]}


def test_without_a_table_to_serve_invocations_writes_texts(tmp_path):
    pack_tiny(tmp_path)
    client = create_app(Settings(store=tmp_path)).test_client()
    answer = client.post("/invocations", json={"inputs": ["ab"], "params": {"temperature": 0, "max_tokens": 4}})
    assert answer.json["predictions"][0]


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_probes_say_a_line_end(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer.data) == (200, b"\n")
    assert client.head(path).data == b""
    assert client.get("/health/live").json == {"status": "live"}


def test_probes_say_so_when_nothing_is_served(tmp_path):
    client = create_app(Settings(store=tmp_path)).test_client()
    for answer in (client.get("/ping"), client.get("/health"), client.post("/invocations", json={"inputs": [VALUES]})):
        assert (answer.status_code, answer.json["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1


def test_the_version_is_plain_text(client):
    answer = client.get("/version")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.count(".") == 2


VIOLATION = "INVALID_PARAMETER_VALUE"  # where the envelope is right, and what it holds is not
BAD = [
    ("no form", {"json": {}}, 400, "got none of them"),
    ("two forms", {"json": {"instances": [ROW], "inputs": [VALUES]}}, 400, "got instances, inputs"),
    ("a bare list", {"json": [ROW]}, 400, "send an object with one of"),
    ("a bare record", {"json": ROW}, 400, "got none of them"),
    ("params", {"json": {"instances": [ROW], "params": [1]}}, 400, "params: expected an object"),
    ("an unknown param", {"json": {"instances": [ROW], "params": {"n": 1}}}, VIOLATION, "n: expected outputs or top_k"),
    ("top_k", {"json": {"instances": [ROW], "params": {"top_k": True}}}, VIOLATION, "top_k: expected a whole number"),
    ("an unknown output", {"json": {"instances": [ROW], "params": {"outputs": ["x"]}}}, VIOLATION, 'got "x"'),
    ("split", {"json": {"dataframe_split": [VALUES]}}, 400, "dataframe_split: expected an object"),
    ("names", {"json": {"dataframe_split": {"columns": "abcd", "data": [VALUES]}}}, 400, "a list of names as columns"),
    (
        "a name twice",
        {"json": {"dataframe_split": {"columns": [*NAMES[:3], NAMES[0]], "data": [VALUES]}}},
        VIOLATION,
        'column "sepal length (cm)": expected one column of this name, got 2',
    ),
    (
        "a short row",
        {"json": {"dataframe_split": {"columns": NAMES, "data": [VALUES, VALUES[1:], 7]}}},
        VIOLATION,
        "row 1: expected a list of 4 values, one a column, got 3 values (and 1 more)",
    ),
    ("no rows", {"json": {"dataframe_split": {"columns": NAMES, "data": []}}}, VIOLATION, "at least one"),
    ("no records", {"json": {"dataframe_records": ROW}}, 400, "dataframe_records: expected a list"),
    ("too many rows", {"json": {"dataframe_records": [ROW] * 51}}, 413, "51 rows in one request"),
    ("another media type", {"data": b"<x/>", "content_type": "text/xml"}, 415, "send application/json, text/csv"),
    ("another charset", {"data": b"a", "content_type": "text/csv; charset=latin-1"}, 415, "text/csv in UTF-8"),
    ("half of JSON", {"data": b"{", "content_type": "application/json"}, 400, "the body is not JSON"),
    ("an empty body", {"data": b""}, 400, "the body is empty"),
    ("an empty CSV", {"data": b"", "content_type": "text/csv"}, 400, "the body is empty; send CSV"),
]


@pytest.mark.parametrize(("request_", "status", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_wrong_is_said_in_mlflow_s_form(client, request_, status, told):
    answer = client.post("/invocations", headers={"X-Request-ID": "abc"}, **request_)
    wanted = (400, VIOLATION) if status == VIOLATION else (status, "BAD_REQUEST")
    assert (answer.status_code, answer.json["error_code"], answer.json["request_id"]) == (*wanted, "abc")
    assert told in answer.json["message"]


def test_violations_are_those_of_v1(client):
    rows = [ROW, ROW | {"petal width (cm)": "0.2"}, {"sepal width (cm)": 1}]
    mlflow = client.post("/invocations", json={"dataframe_records": rows})
    v1 = client.post("/v1/models/iris:predict", json={"instances": rows})
    assert (mlflow.status_code, v1.status_code) == (400, 422)
    assert mlflow.json["details"] == v1.json["details"]
    assert mlflow.json["message"] == v1.json["error"]


def test_bare_nan_is_a_missing_value(client):
    answer = client.post("/invocations", data=json.dumps({"inputs": [[float("nan"), *VALUES[1:]]]}))
    assert (answer.status_code, answer.json["details"][0]["got"]) == (400, "null")


def test_an_unknown_endpoint(client):
    answer = client.post("/endpoints/absent/invocations", json={"instances": [ROW]})
    assert (answer.status_code, answer.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "there are iris, tiny" in answer.json["message"]


def test_texts_that_are_none_are_named_by_row(client):
    answer = client.post(TEXTS, json={"inputs": ["ab", 7, {"a": "b", "c": "d"}]})
    assert (answer.status_code, [fault["row"] for fault in answer.json["details"]]) == (400, [1, 2])
    assert client.post(TEXTS, json={"inputs": ["ab"], "params": {"top_p": 7}}).status_code == 400
    assert client.post(TEXTS, data="text\nab\n", content_type="text/csv").status_code == 415
