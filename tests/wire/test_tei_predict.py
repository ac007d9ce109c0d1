"""text-embeddings-inference's /predict stands on the article's path, and is told from a table by its members."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from service.app import create_app
from service.packing import pack
from service.settings import Settings
from tests.support.tiny_encoders import LABELS, MAX_TOKENS, letter_tokenizer, pack_classifier, pack_embedder, vectors
from tests.support.ways import WholeClient

TEXT, PAIR = "a fine day", ("a fine day", "no")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y, DecisionTreeClassifier(max_depth=1).fit(X, y)


@pytest.fixture(scope="module")
def client(tmp_path_factory, iris):
    store = tmp_path_factory.mktemp("store")
    pack_classifier(store)
    X, y, tree = iris
    pack(tree, X, y, name="iris", store=store)
    return WholeClient(create_app(Settings(store=store)))


def logits(*texts):
    return vectors(3)[letter_tokenizer().encode(*texts).ids].mean(axis=0).astype(np.float64)


def ranked(numbers):
    return sorted(zip(numbers.tolist(), LABELS, strict=True), reverse=True)


def chances(numbers):
    return np.exp(numbers) / np.exp(numbers).sum()


def same(given, numbers):
    assert [each["label"] for each in given] == [label for _, label in ranked(numbers)]
    assert np.allclose([each["score"] for each in given], [score for score, _ in ranked(numbers)], atol=1e-6)


def ask(client, **body):
    return client.post("/predict", json=body)


def test_each_of_its_shapes_gets_the_labels_the_best_first(client):
    same(ask(client, inputs=TEXT).json, chances(logits(TEXT)))
    same(ask(client, inputs=[TEXT]).json, chances(logits(TEXT)))
    same(ask(client, inputs=list(PAIR), raw_scores=True, truncate=False).json, logits(*PAIR))
    first, second = ask(client, inputs=[[TEXT], list(PAIR)], truncation_direction="Right").json
    same(first, chances(logits(TEXT)))
    same(second, chances(logits(*PAIR)))
    (only,) = ask(client, inputs=[[TEXT]], raw_scores=True).json
    same(only, logits(TEXT))


def test_long_texts_are_refused_unless_they_may_be_cut(client):
    long = ask(client, inputs=[["no"], ["y" * 40]])
    assert (long.status_code, long.json["error_type"]) == (413, "Validation")
    assert (long.json["details"][0]["parameter"], long.json["details"][0]["got"]) == ("inputs[1]", "42 tokens")
    same(ask(client, inputs="y" * 40, truncate=True, raw_scores=True).json, logits("y" * (MAX_TOKENS - 2)))


@pytest.mark.parametrize(
    "inputs", [[], [[]], [["a", "b", "c"]], ["a", "b", "c"], [1], ["a", ["b"]], [["a"], "b"], None]
)
def test_other_shapes_are_refused_in_its_form(client, inputs):
    refused = ask(client, inputs=inputs)
    assert refused.status_code == 400
    assert (refused.json["error_type"], refused.json["details"][0]["parameter"]) == ("Validation", "inputs")


def test_every_fault_is_named(client):
    refused = ask(client, inputs=3, truncation_direction="Left")
    assert {each["parameter"] for each in refused.json["details"]} == {"inputs", "truncation_direction"}
    assert ask(client, inputs="a", raw_scores=1).json["details"][0]["parameter"] == "raw_scores"


def test_tables_stay_tables(client, iris, tmp_path):
    """What a model of tables can read as one is one: it has a column of that name."""
    X, y, _ = iris
    assert client.post("/predict", json=X[:1].to_dict("records")).json == {"text": [0]}
    others = ask(client, inputs=["a"], age=[3])
    assert "details" in others.json["error"], "columns that the table does not have"
    pack_classifier(tmp_path)
    renamed = X.iloc[:, :1].rename(columns={X.columns[0]: "inputs"})
    pack(DecisionTreeClassifier(max_depth=1).fit(renamed, y), renamed, y, name="table", store=tmp_path)
    both = WholeClient(create_app(Settings(store=tmp_path)))
    assert ask(both, inputs=[4.0, 7.0]).json.keys() == {"text"}


def test_who_answers(tmp_path):
    """The only classifier, though others embed; of several, the one that the setting names."""
    pack_embedder(tmp_path)
    none = ask(WholeClient(create_app(Settings(store=tmp_path))), inputs="a")
    assert (none.status_code, none.json["error"]) == (400, "no model that classifies texts is served here")
    pack_classifier(tmp_path)
    pack_classifier(tmp_path, "other", pairs=False)
    several = ask(WholeClient(create_app(Settings(store=tmp_path))), inputs="a")
    assert "several models classify texts (mood, other)" in several.json["error"]
    named = WholeClient(create_app(Settings(store=tmp_path, default_text="other")))
    assert len(ask(named, inputs="a").json) == 3
    assert "tells no two texts apart" in ask(named, inputs=["a", "b"]).text


def test_it_is_described(client):
    described = client.get("/openapi.json").json["paths"]["/predict"]["post"]
    example = described["requestBody"]["content"]["application/json"]["examples"]["scores"]["value"]
    assert len(client.post("/predict", json=example).json[0]) == 3
