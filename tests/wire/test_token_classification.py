"""Entities of texts in every dialect, on the page and by the client; and the same over the engine process."""

import json
import math

import pytest

from client import Client
from client.errors import InvalidRequest
from service import models
from service.app import create_app
from service.capabilities import TokensCall
from service.errors import ContextLengthExceeded, InvalidParameters
from service.models.engine.journal import Journals
from service.settings import Settings
from service.store.versions import Store
from tests.support.client_server import Answer, answering
from tests.support.engine_process import EngineProcess
from tests.support.tiny_encoders import MAX_TOKENS, SURE, entity, pack_embedder, pack_token_classifier
from tests.support.ways import WholeClient

TEXTS = ["Ada 12", "none here", "🙂 X 1"]
FOUND = [
    [entity(TEXTS[0], 0, 1, "CAP"), entity(TEXTS[0], 4, 6, "NUM")],
    [],
    [entity(TEXTS[2], 2, 3, "CAP"), entity(TEXTS[2], 4, 5, "NUM")],
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    pack_token_classifier(folder)
    pack_embedder(folder)
    return folder


@pytest.fixture(scope="module")
def client(store):
    return WholeClient(create_app(Settings(store=store)))


def same(given, expected=FOUND):
    """Equal, but for the last bits of scores."""
    assert [[{**each, "score": 0} for each in of] for of in given] == [
        [{**each, "score": 0} for each in of] for of in expected
    ]
    assert all(math.isclose(each["score"], SURE, rel_tol=1e-5) for of in given for each in of)


def v1(client, texts=TEXTS, **parameters):
    return client.post("/v1/models/spans:predict", json={"instances": texts, "parameters": parameters})


def test_v1_and_mlflow_give_objects(client):
    answer = v1(client).json
    same(answer["predictions"])
    assert (answer["model_name"], answer["model_version"]) == ("spans", "1")
    flow = client.post("/endpoints/spans/invocations", json={"dataframe_records": [{"text": text} for text in TEXTS]})
    same(flow.json["predictions"])


def test_v2_gives_json_in_a_tensor_of_texts(client):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [3], "data": TEXTS}
    (output,) = client.post("/v2/models/spans/infer", json={"inputs": [tensor]}).json["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("entities", "BYTES", [3])
    same([json.loads(each) for each in output["data"]])
    body = {"inputs": [tensor], "parameters": {"aggregation_strategy": "none"}, "outputs": [{"name": "output-0"}]}
    (output,) = client.post("/v2/models/spans/infer", json=body).json["outputs"]
    assert json.loads(output["data"][0])[0]["entity"] == "B-CAP"
    described = client.get("/v2/models/spans").json
    assert described["outputs"] == [{"name": "entities", "datatype": "BYTES", "shape": [-1]}]


def test_options_are_those_of_the_pipeline(client):
    tokens = v1(client, ["A1"], aggregation_strategy="none").json["predictions"][0]
    assert [(each["entity"], each["index"], each["word"]) for each in tokens] == [("B-CAP", 1, "A"), ("NUM", 2, "1")]
    kept = v1(client, ["Ab1"], ignore_labels=["NUM"]).json["predictions"][0]
    assert [(each["entity_group"], each["word"]) for each in kept] == [("CAP", "A"), ("O", "b")]
    long = "A" * 40
    assert v1(client, [long]).json["details"][0]["parameter"] == "instances[0]"
    assert len(v1(client, [long], truncate=True).json["predictions"][0]) == MAX_TOKENS - 2


def test_every_fault_is_named(client):
    wrong = v1(client, aggregation_strategy="most", ignore_labels="O", truncate=1, stride=3)
    assert wrong.status_code == 422
    named = {each["parameter"] for each in wrong.json["details"]}
    assert named == {"aggregation_strategy", "ignore_labels", "truncate", "stride"}
    assert v1(client, []).status_code == 400


def test_it_answers_where_no_model_is_named_and_is_described(client):
    entry = client.get("/v1/models/spans").json
    assert (entry["default_for"], entry["capabilities"]) == (["classify_tokens"], ["classify_tokens"])
    paths = client.get("/openapi.json").json["paths"]
    for path in ("/v1/models/spans:predict", "/v2/models/spans/infer", "/endpoints/spans/invocations"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    page = client.get("/models/spans", headers={"Accept": "text/html"}).text
    assert 'data-capability="classify_tokens" data-url="/v1/models/spans:predict"' in page
    assert client.post("/v1/embeddings", json={"model": "spans", "input": "a"}).status_code == 400


def test_the_client_gives_the_entities_of_each_text(client):
    def ask(request):
        answer = client.post(
            "/v1/models/spans:predict", data=request.body, headers={"Content-Type": "application/json"}
        )
        return Answer(answer.status_code, answer.data, {"Content-Type": "application/json"})

    with answering({"POST /v1/models/spans:predict": ask}) as server, Client(server.url) as daylight:
        same(daylight.classify_tokens(TEXTS, "spans"))
        (tokens,) = daylight.classify_tokens("A1", "spans", aggregation_strategy="none", ignore_labels=["NUM"])
        assert [each["word"] for each in tokens] == ["A"]
        with pytest.raises(InvalidRequest, match="42 tokens"):
            daylight.classify_tokens("y" * 40, "spans")


def test_the_engine_process_gives_the_same(store, tmp_path):
    process = EngineProcess(tmp_path / "socket", Store(store), Journals(tmp_path, blame=False))
    settings = Settings(store=store, workers=1, engine_socket=str(tmp_path / "socket"))
    model = models.load(Store(store).open("spans"), settings)
    model.warm_up()
    answer = model.run(TokensCall(TEXTS))
    same(answer.values)
    assert answer.tokens == (sum(len(text) + 2 for text in TEXTS), 0)
    with pytest.raises(ContextLengthExceeded):
        model.run(TokensCall(["A" * 40]))
    with pytest.raises(InvalidParameters):
        model.run(TokensCall([]))
    process.end()
