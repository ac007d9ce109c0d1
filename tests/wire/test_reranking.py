"""Rerankers: /v1/rerank, text-embeddings-inference's /rerank, and a table of pairs in every other dialect."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from client import Client
from client.errors import InvalidRequest
from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.client_server import Answer, answering
from tests.support.tiny_encoders import MAX_TOKENS, number_of_pair, pack_classifier, pack_reranker
from tests.support.ways import WholeClient

QUERY, TEXTS = "why?", ["zzz", "abc", "I do not know", "abc"]
LOGITS = [number_of_pair(QUERY, text) for text in TEXTS]
ORDER = sorted(range(4), key=lambda place: -LOGITS[place])
SCORES = [1 / (1 + math.exp(-number)) for number in LOGITS]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_reranker(store)
    pack_classifier(store)
    X, y = load_iris(return_X_y=True)
    pack(DecisionTreeClassifier(max_depth=1).fit(X, y), X, y, name="iris", store=store)
    return create_app(Settings(store=store))


@pytest.fixture(scope="module")
def client(app):
    return WholeClient(app)


def ranked(client, path="/v1/rerank", **body):
    return client.post(path, json={"query": QUERY, "documents": TEXTS, **body})


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank"])
def test_the_best_document_stands_first(client, path):
    answer = ranked(client, path, model="ranks").json
    assert [each["index"] for each in answer["results"]] == ORDER
    assert np.allclose([each["relevance_score"] for each in answer["results"]], [SCORES[place] for place in ORDER])
    tokens = sum(len(QUERY) + len(text) + 3 for text in TEXTS)
    assert answer["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert (answer["model"], bool(answer["id"])) == ("ranks", True)


def test_no_model_is_the_default_and_documents_come_back_as_they_were(client):
    documents = ["abc", {"text": "zzz", "id": 7}]
    answer = ranked(client, documents=documents, top_n=5.0, return_documents=True, user="me", truncate=None).json
    by_place = {each["index"]: each["document"] for each in answer["results"]}
    assert by_place == {0: {"text": "abc"}, 1: {"text": "zzz", "id": 7}}
    assert len(ranked(client, top_n=2).json["results"]) == 2
    raw = ranked(client, raw_scores=True).json["results"]
    assert np.allclose([each["relevance_score"] for each in raw], [LOGITS[place] for place in ORDER])


@pytest.mark.parametrize(
    ("body", "status", "parameters"),
    [
        ({"query": 1, "documents": [], "model": 2}, 400, {"query", "documents", "model"}),
        ({"documents": ["a", {"txt": "b"}]}, 400, {"documents"}),
        ({"top_n": 0, "truncate": 1, "rank_fields": ["text"]}, 400, {"top_n", "truncate", "rank_fields"}),
        ({"documents": ["a", "y" * 40]}, 400, {"documents[1]"}),
        ({"model": "mood"}, 400, set()),
        ({"model": "none"}, 404, set()),
    ],
)
def test_what_is_wrong_is_refused_by_name(client, body, status, parameters):
    answer = ranked(client, **body)
    assert answer.status_code == status
    assert {each["parameter"] for each in answer.json["error"]["details"]} == parameters


def test_pairs_that_are_too_long_are_cut_where_that_is_asked_for(client):
    long = ranked(client, documents=["y" * 40])
    assert long.json["error"]["code"] == "context_length_exceeded"
    assert long.json["error"]["details"][0]["got"] == "47 tokens"
    cut = ranked(client, documents=["y" * 40], truncate=True, raw_scores=True).json
    assert cut["usage"]["total_tokens"] == MAX_TOKENS
    expected = number_of_pair(QUERY, "y" * (MAX_TOKENS - 3 - len(QUERY)))
    assert math.isclose(cut["results"][0]["relevance_score"], expected, rel_tol=1e-5)


def test_tei_gives_a_bare_list(client):
    body = {"query": QUERY, "texts": TEXTS, "return_text": True}
    ranks = client.post("/rerank", json=body).json
    assert [each["index"] for each in ranks] == ORDER
    assert [each["text"] for each in ranks] == [TEXTS[place] for place in ORDER]
    assert np.allclose([each["score"] for each in ranks], [SCORES[place] for place in ORDER])
    raw = client.post("/rerank", json={"query": QUERY, "texts": TEXTS, "raw_scores": True}).json
    assert raw[0].keys() == {"index", "score"}
    assert math.isclose(raw[0]["score"], LOGITS[ORDER[0]], rel_tol=1e-5)
    long = client.post("/rerank", json={"query": QUERY, "texts": ["a", "y" * 40], "truncate": False})
    assert (long.status_code, long.json["error_type"]) == (413, "Validation")
    assert long.json["details"][0]["parameter"] == "texts[1]"
    for wrong, named in (
        ({"query": None, "texts": [1], "truncation_direction": "Left"}, {"query", "texts", "truncation_direction"}),
        ({"query": "a", "texts": ["b"], "raw_scores": 1, "top_n": 2}, {"raw_scores", "top_n"}),
    ):
        refused = client.post("/rerank", json=wrong)
        assert refused.status_code in (400, 422)
        assert {each["parameter"] for each in refused.json["details"]} == named


def test_it_is_a_table_of_pairs_elsewhere(client):
    rows = [{"query": QUERY, "text": text} for text in TEXTS]
    v1 = client.post("/v1/models/ranks:predict", json={"instances": rows}).json
    assert np.allclose(v1["predictions"], LOGITS)
    long = client.post("/v1/models/ranks:predict", json={"instances": [*rows, ["y" * 30, "y" * 30]]})
    assert (long.status_code, long.json["details"][0]) == (
        422,
        {"row": 4, "column": "text", "expected": "at most 32 tokens", "got": "63 tokens"},
    )
    flow = client.post("/endpoints/ranks/invocations", json={"dataframe_records": rows}).json
    assert np.allclose(flow["predictions"], LOGITS)
    columns = {"query": [QUERY] * 4, "text": TEXTS}
    inputs = [{"name": name, "datatype": "BYTES", "shape": [4], "data": data} for name, data in columns.items()]
    (output,) = client.post("/v2/models/ranks/infer", json={"inputs": inputs}).json["outputs"]
    assert np.allclose(output["data"], LOGITS)


def test_it_takes_no_text_and_no_table_from_others(client):
    """A reranker is made for texts, and does not tell what one text is."""
    assert client.post("/predict", json={"data": [[5.1, 3.5, 1.4, 0.2]]}).json == {"text": [0]}
    assert client.post("/predict", json={"text": "abc"}).json["Prediction"] in ("low", "even", "high")
    assert client.get("/v1/models/ranks").json["default_for"] == ["rerank_text"]


def test_it_is_described_and_shown(client):
    paths = client.get("/openapi.json").json["paths"]
    for path in ("/v1/rerank", "/rerank"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    page = client.get("/models/ranks", headers={"Accept": "text/html"}).text
    assert 'data-capability="rerank_text" data-url="/v1/rerank"' in page


def test_the_client_gives_texts_with_their_scores(client):
    def ask(request):
        answer = client.post("/v1/rerank", data=request.body, headers={"Content-Type": "application/json"})
        return Answer(answer.status_code, answer.data, {"Content-Type": "application/json"})

    with answering({"POST /v1/rerank": ask}) as server, Client(server.url) as daylight:
        ranking = daylight.rerank(QUERY, TEXTS, top_n=3)
        assert [(rank.index, rank.text) for rank in ranking] == [(place, TEXTS[place]) for place in ORDER[:3]]
        assert np.allclose([rank.score for rank in ranking], [SCORES[place] for place in ORDER[:3]])
        assert (ranking.model, ranking.tokens) == ("ranks", sum(len(QUERY) + len(text) + 3 for text in TEXTS))
        with pytest.raises(InvalidRequest, match="47 tokens"):
            daylight.rerank(QUERY, ["y" * 40], "ranks")
        with pytest.raises(TypeError, match="a text is a str"):
            daylight.rerank(QUERY, [1])


@pytest.mark.parametrize(("activation", "expected"), [("sigmoid", SCORES), ("tanh", np.tanh(LOGITS))])
def test_a_table_gives_what_sentence_transformers_makes_of_the_number(tmp_path, activation, expected):
    pack_reranker(tmp_path, activation=activation)
    rows = [[QUERY, text] for text in TEXTS]
    given = WholeClient(create_app(Settings(store=tmp_path))).post("/v1/models/ranks:predict", json={"instances": rows})
    assert np.allclose(given.json["predictions"], expected)
