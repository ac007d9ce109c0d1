"""Capabilities: each is spoken by every dialect, or listed as a gap; and a third one needs no change in the service."""

import json
from pathlib import Path

import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from client import Client
from service import blueprints
from service.app import create_app
from service.capabilities import (
    CAPABILITIES,
    CLASSIFY_IMAGE,
    CLASSIFY_TOKENS,
    CLASSIFY_ZERO_SHOT,
    EMBED_TEXT,
    FILL_MASK,
    GENERATE_TEXT,
    PREDICT_TABLE,
    RERANK_TEXT,
    RUN_TENSORS,
)
from service.errors import Overloaded
from service.packing import pack
from service.scheduling.admission import Admission
from service.settings import Settings
from service.wire.dialects import DIALECTS
from tests.support.letters import COUNT_LETTERS, install, pack_letters
from tests.support.ways import WholeClient

# Protocols that have no words for some capabilities -> those that they do speak of.
SPOKEN = {
    "article": {PREDICT_TABLE, GENERATE_TEXT, CLASSIFY_IMAGE},
    "chat": {GENERATE_TEXT},
    "completions": {GENERATE_TEXT},
    "embed": {EMBED_TEXT},
    "embeddings": {EMBED_TEXT},
    "generate": {GENERATE_TEXT},
    "predict": {PREDICT_TABLE},  # of classifiers of texts
    "rerank": {RERANK_TEXT},
    "responses": {GENERATE_TEXT},
    # Rerankers are tables of pairs there, too.
    **dict.fromkeys(("v1", "v2", "mlflow"), set(CAPABILITIES) - {RERANK_TEXT}),
}
METHODS = {
    PREDICT_TABLE: "predict",
    GENERATE_TEXT: "generate",
    EMBED_TEXT: "embed",
    RERANK_TEXT: "rerank",
    CLASSIFY_TOKENS: "classify_tokens",
    CLASSIFY_ZERO_SHOT: "classify_zero_shot",
    FILL_MASK: "fill_mask",
    CLASSIFY_IMAGE: "classify_images",
    RUN_TENSORS: "run",
}  # of the client
TEMPLATES = Path(blueprints.__file__).parent / "templates" / "capabilities"
STATIC = TEMPLATES.parents[1] / "static"


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda capability: capability.name)
def test_every_capability_is_spoken(capability):
    for dialect in DIALECTS:
        name = dialect.__name__.rpartition(".")[2]
        assert (capability in dialect.ADAPTERS) == (capability in SPOKEN.get(name, CAPABILITIES)), name
    assert {path.name for path in (TEMPLATES / capability.name).iterdir()} == {
        path.name for path in (TEMPLATES / "any").iterdir()
    }
    assert (STATIC / f"{capability.name}.js").exists()
    assert callable(getattr(Client, METHODS[capability]))
    assert capability.default_setting in Settings.__dataclass_fields__


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A server of a table, and of a model with a capability that no module of the service knows."""
    install(monkeypatch)
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=1).fit(X, y), X, y, name="iris", store=tmp_path)
    pack_letters(tmp_path)
    return WholeClient(create_app(Settings(store=tmp_path)))


def test_a_third_capability_is_served(client):
    answer = client.post("/v1/models/letters:predict", json={"instances": ["one", "2 two"]})
    assert (answer.status_code, answer.json) == (200, {"predictions": [3, 3]})
    refused = client.post("/v1/models/letters:predict", json={"instances": [1]})
    assert (refused.status_code, refused.json["code"]) == (422, "invalid_instances")
    assert client.post("/predict", json=[[1, 2, 3, 4]]).json == {"text": [1]}  # the table is still the default


def test_a_third_capability_is_described(client):
    assert client.get("/v1/models/letters").json["capabilities"] == ["count_letters"]
    (entry,) = [entry for entry in client.get("/v1/models").json["data"] if entry["id"] == "letters"]
    assert (entry["capabilities"], entry["ready"], entry["default"]) == (["count_letters"], True, True)
    assert client.get("/v1/models/letters/schema").status_code == 200
    assert client.get("/v2/models/letters").json["inputs"] == []
    paths = client.get("/openapi.json").json["paths"]
    assert paths["/v1/models/letters:predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert "/v2/models/letters/infer" not in paths, "V2 has no adapter for it"
    assert client.get("/docs", headers={"Accept": "text/html"}).status_code == 200


def test_a_third_capability_is_counted(client):
    client.post("/v1/models/letters:predict", json={"instances": ["one"]})
    text = client.get("/metrics").text
    assert 'daylight_request_seconds_count{model="letters"} 1.0' in text


def test_a_third_capability_is_admitted_by_its_own_name():
    admission = Admission(threads=3)
    slot = admission.enter(type("Letters", (), {"name": "letters"}), COUNT_LETTERS)
    with pytest.raises(Overloaded, match="1 counts run or wait"):
        admission.enter(type("Letters", (), {"name": "letters"}), COUNT_LETTERS)
    slot.release()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/letters/infer", {"inputs": []}),
        ("/endpoints/letters/invocations", {"inputs": []}),
        ("/v1/completions", {"model": "letters", "prompt": "a"}),
        ("/v1/chat/completions", {"model": "letters", "messages": [{"role": "user", "content": "a"}]}),
    ],
)
def test_a_dialect_without_an_adapter_refuses_in_one_sentence(client, path, body):
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert "letters counts letters; this route serves" in json.dumps(answer.json)


def test_a_third_capability_is_shown(client):
    assert "Count letters, version 1" in client.get("/", headers={"Accept": "text/html"}).text
    page = client.get("/models/letters").text
    assert 'id="letters"' in page
    assert "/v1/models/letters:predict" in page
