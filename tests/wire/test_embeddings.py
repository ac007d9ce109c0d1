"""Embeddings in every dialect that speaks of them, and a classifier of texts in the article's."""

import base64
import json

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.errors import BadSetting
from service.packing import pack
from service.predictor import Predictor
from service.settings import Settings
from service.wire.embedding_options import inputs_of, options
from tests.support.tiny_encoders import DIMENSION, EXAMPLE, LABELS, numbers_of, pack_classifier, pack_embedder
from tests.support.ways import WholeClient


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    pack_embedder(folder)
    pack_classifier(folder)
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=1).fit(X, y), X, y, name="iris", store=folder)
    return folder


@pytest.fixture(scope="module")
def client(store):
    return WholeClient(create_app(Settings(store=store)))


def embeddings(client, **body):
    return client.post("/v1/embeddings", json={"model": "tiny_embedder", **body})


def test_openai_gives_a_vector_for_each_text(client):
    answer = embeddings(client, input=["abc", "de"], user="me").json
    assert answer["object"] == "list"
    assert answer["model"] == "tiny_embedder"
    assert answer["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    assert [(each["object"], each["index"]) for each in answer["data"]] == [("embedding", 0), ("embedding", 1)]
    assert np.allclose([each["embedding"] for each in answer["data"]], [numbers_of("abc"), numbers_of("de")], atol=1e-6)


def test_openai_takes_one_text_token_ids_and_lists_of_them(client):
    ids = [1, 4, 5, 6, 2]  # <s>abc</s>
    expected = embeddings(client, input="abc").json["data"][0]["embedding"]
    for given in (ids, [ids], [ids, "abc"]):
        assert np.allclose(embeddings(client, input=given).json["data"][0]["embedding"], expected, atol=1e-6)


@pytest.mark.parametrize("given", [[1, 2.5], [], [[]], [True], [-1], ["a", 1], {}, None])
def test_what_is_neither_a_text_nor_token_ids_is_a_fault_of_its_name(given):
    faults = []
    assert inputs_of(given, "inputs", 9, faults) == []
    assert [each["parameter"] for each in faults] == ["inputs"]


def test_a_whole_number_may_be_written_as_a_float():
    """The schema says `integer`, and to JSON Schema 64.0 is one; it was refused."""
    assert options({"dimensions": 64.0, "prompt_name": "query", "truncate": None}) == {
        "dimensions": 64,
        "prompt": "query",
    }


def test_base64_is_the_bytes_of_float32(client):
    (each,) = embeddings(client, input="abc", encoding_format="base64", dimensions=3).json["data"]
    vector = np.frombuffer(base64.b64decode(each["embedding"]), "<f4")
    assert np.array_equal(
        vector, np.float32(embeddings(client, input="abc", dimensions=3).json["data"][0]["embedding"])
    )


@pytest.mark.parametrize(
    ("body", "status", "code", "parameters"),
    [
        ({}, 400, "bad_request", ["input"]),
        (
            {"input": [], "encoding_format": "hex", "model": 3},
            400,
            "bad_request",
            ["input", "model", "encoding_format"],
        ),
        (
            {"input": "a", "dimensions": 0, "truncate": 1, "top": 2},
            400,
            "invalid_value",
            ["dimensions", "truncate", "top"],
        ),
        ({"input": "a", "encoding_format": {}}, 400, "bad_request", ["encoding_format"]),
        ({"input": "a", "dimensions": 9}, 400, "invalid_value", ["dimensions"]),
        ({"input": ["a", "y" * 31]}, 400, "context_length_exceeded", ["input[1]"]),
        ({"input": "a", "model": "mood"}, 400, "bad_request", []),
        ({"input": "a", "model": "none"}, 404, "model_not_found", []),
    ],
)
def test_openai_refuses_what_is_wrong_by_name(client, body, status, code, parameters):
    answer = embeddings(client, **body)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert {each["parameter"] for each in answer.json["error"]["details"]} == set(parameters)


def test_v1_v2_and_mlflow_give_the_same_vectors(client):
    expected = numbers_of("abc")
    v1 = client.post("/v1/models/tiny_embedder:predict", json={"instances": ["abc", {"text": "abc"}]}).json
    assert np.allclose(v1["predictions"], [expected, expected], atol=1e-6)
    cut = {"instances": ["y" * 40], "parameters": {"truncate": True, "dimensions": 2}}
    assert np.shape(client.post("/v1/models/tiny_embedder:predict", json=cut).json["predictions"]) == (1, 2)
    long = client.post("/v1/models/tiny_embedder:predict", json={"instances": ["a", "y" * 40]})
    assert (long.status_code, long.json["details"][0]["parameter"]) == (422, "instances[1]")
    flow = client.post("/endpoints/tiny_embedder/invocations", json={"inputs": ["abc"], "params": {"dimensions": 2}})
    assert np.shape(flow.json["predictions"]) == (1, 2)
    text = {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["abc", "de"]}
    (output,) = client.post("/v2/models/tiny_embedder/infer", json={"inputs": [text]}).json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("embeddings", "FP32", [2, DIMENSION])
    assert np.allclose(output["data"][:DIMENSION], expected, atol=1e-6)


def test_tei_gives_a_bare_list_and_its_own_errors(client):
    assert np.allclose(
        client.post("/embed", json={"inputs": ["abc", "de"]}).json, [numbers_of("abc"), numbers_of("de")]
    )
    assert np.allclose(client.post("/embed", json={"inputs": "abc", "truncate": False}).json, [numbers_of("abc")])
    assert len(client.post("/embed", json={"inputs": "y" * 40, "truncate": True, "dimensions": 2}).json[0]) == 2
    long = client.post("/embed", json={"inputs": "y" * 40})
    assert (long.status_code, long.json["error_type"], long.json["details"][0]["parameter"]) == (
        413,
        "Validation",
        "inputs[0]",
    )
    wrong = client.post("/embed", json={"inputs": [], "truncation_direction": "Left"})
    assert (wrong.status_code, len(wrong.json["details"])) == (400, 2)


def test_v2_gives_raw_numbers_and_refuses_other_outputs(client):
    text = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["abc"]}
    asked = {"name": "output-0", "parameters": {"binary_data": True}}
    answer = client.post("/v2/models/tiny_embedder/infer", json={"inputs": [text], "outputs": [asked]})
    head = int(answer.headers["Inference-Header-Content-Length"])
    assert json.loads(answer.data[:head])["outputs"][0]["datatype"] == "FP32"
    assert np.allclose(np.frombuffer(answer.data[head:], "<f4"), numbers_of("abc"), atol=1e-6)
    refused = client.post("/v2/models/tiny_embedder/infer", json={"inputs": [text], "outputs": [{"name": "vectors"}]})
    assert (refused.status_code, "any of embeddings, output-0" in refused.json["error"]) == (400, True)
    (tensor,) = client.get("/v2/models/tiny_embedder").json["outputs"]
    assert tensor == {"name": "embeddings", "datatype": "FP32", "shape": [-1, DIMENSION]}


def test_a_text_is_told_what_it_is_by_the_article_s_path(client):
    (label,) = client.post("/v1/models/mood:predict", json={"instances": ["abc"]}).json["predictions"]
    assert label in LABELS
    assert client.post("/predict", json={"text": "abc"}).json == {"Prediction": label}
    assert client.get("/predict?text=abc").json == {"Prediction": label}
    assert client.post("/predict", json={"data": [[5.1, 3.5, 1.4, 0.2]]}).json == {"text": [0]}
    long = client.post("/predict", json={"text": "y" * 40})
    assert (long.status_code, long.json["error"]["details"][0]["got"]) == (422, "42 tokens")


def test_a_setting_names_the_classifier_where_there_are_several(tmp_path):
    pack_classifier(tmp_path, "first")
    pack_classifier(tmp_path, "second")
    client = WholeClient(create_app(Settings(store=tmp_path)))
    answer = client.post("/predict", json={"text": "abc"})
    assert (answer.status_code, answer.json["error"]["message"].split(";")[0]) == (
        400,
        "several models classify texts (first, second) and none is the default",
    )
    named = WholeClient(create_app(Settings(store=tmp_path, default_text="second")))
    assert named.post("/predict", json={"text": "abc"}).json["Prediction"] in LABELS
    (first, second) = named.get("/v1/models").json["data"]
    assert (first["default"], second["default"]) == (False, True)
    with pytest.raises(BadSetting):
        Predictor(Settings(store=tmp_path, default_text="third")).load()


@pytest.mark.parametrize("name", ["aaa", "mood"])
def test_the_document_tells_what_each_model_is_the_default_for(tmp_path, name):
    """One is for tables, another for what is asked as a text: the first by name was taken for both."""
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=2).fit(X, y), X, y, name="iris", store=tmp_path)
    pack_classifier(tmp_path, name)
    client = WholeClient(create_app(Settings(store=tmp_path)))
    assert client.get(f"/v1/models/{name}").json["default_for"] == ["classify_text"]
    assert client.get("/v1/models/iris").json["default_for"] == ["predict_table"]
    body = client.get("/openapi.json").json["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    asked = {example: body["examples"][example]["value"] for example in ("table", "text")}
    assert asked["text"] == {"text": EXAMPLE}
    for value in asked.values():
        assert client.post("/predict", json=value).status_code == 200


def test_the_models_are_described(client):
    entries = {each["id"]: each for each in client.get("/v1/models").json["data"]}
    assert entries["tiny_embedder"]["capabilities"] == ["embed_text"]
    assert (entries["mood"]["kind"], entries["mood"]["default"], entries["iris"]["default"]) == (
        "text_classification",
        True,
        True,
    )
    schema = client.get("/v1/models/tiny_embedder/schema").json
    assert set(schema["properties"]["parameters"]["properties"]) == {
        "truncate",
        "dimensions",
        "normalize",
        "prompt_name",
    }
    paths = client.get("/openapi.json").json["paths"]
    body = paths["/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["properties"]["model"]["enum"] == ["tiny_embedder"]
    html = {"Accept": "text/html"}
    assert "Text embeddings" in client.get("/", headers=html).text
    assert 'data-capability="embed_text"' in client.get("/models/tiny_embedder", headers=html).text
    assert 'data-capability="predict_table"' in client.get("/models/mood", headers=html).text
