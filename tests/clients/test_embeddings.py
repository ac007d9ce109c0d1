"""Published clients of vectors and ranks complete their tours; vectors are those of sentence-transformers."""

import math

import numpy as np
import pytest
import requests

from tests.clients.driving import drive
from tests.support.tiny_encoders import LABELS, number_of_pair, numbers_of


@pytest.fixture
def tour(encoders):
    return lambda client: drive(client, encoders.url, encoders.asked, tour="embed")


@pytest.fixture
def check(encoders):
    """Compares what a tour gave under a name with the vectors of all texts, or of the first."""

    def equal(found, *names, shorter=()):
        for name in names:
            given = np.array(found[name])
            assert given.shape == encoders.vectors[: len(given)].shape, name
            assert np.abs(given - encoders.vectors[: len(given)]).max() < 2e-6, name
        for name in shorter:
            cut = encoders.vectors[:, : encoders.asked["dimensions"]]
            expected = cut / np.linalg.norm(cut, axis=1, keepdims=True)
            assert np.abs(np.array(found[name]) - expected).max() < 1e-5, name
        assert all(len(found[name]) == len(encoders.vectors) for name in (*names, *shorter) if name not in ONE)

    return equal


ONE = ("one", "query")  # of the first text alone


def test_openai(encoders, tour, check):
    found = tour("openai")
    check(found, "default", "float", "base64", "one", "async", shorter=["dimensions"])
    assert found["told"] == ["list", "embedder", [0, 1, 2, 3]]
    assert found["usage"][0] == found["usage"][1] > len(encoders.vectors)
    assert found["refused"] == [[400, "bad_request", "input"], [404, "model_not_found", None]]


def test_langchain(tour, check):
    check(tour("langchain"), "documents", "query", "in parts", "async", shorter=["dimensions"])


def test_llamaindex(tour, check):
    check(tour("llamaindex"), "documents", "query", "in parts", "async", shorter=["dimensions"])


def test_haystack(tour, check):
    check(tour("haystack"), "documents", "query", shorter=["dimensions"])


def test_tritonclient(encoders, tour, check):
    found = tour("tritonclient")
    check(found, "json", "binary", shorter=["json dimensions", "binary dimensions"])
    texts, numbers = encoders.vectors.shape
    assert found["tensors"] == [["text", "BYTES", [-1]], ["embeddings", "FP32", [-1, numbers]]]
    assert found["json told"] == found["binary told"] == ["embeddings", "FP32", [texts, numbers]]


def test_hugging_face_hub(tour, check):
    check(tour("huggingface_hub"), "documents", "query", "async")


def test_cohere(encoders, tour):
    found = tour("cohere")
    query, texts = encoders.asked["query"], encoders.asked["texts"]
    ranks = sorted(enumerate(scores_of(query, texts)), key=lambda each: -each[1])
    for given, expected in ((found["texts"], ranks), (found["async"], ranks), (found["best"], ranks[:2])):
        assert [place for place, _ in given] == [place for place, _ in expected]
        assert [score for _, score in given] == pytest.approx([score for _, score in expected], abs=1e-6)
    assert found["documents"] == [texts[place] for place, _ in ranks[:2]]
    assert found["refused"] == "bad_request"


def test_the_bodies_that_text_embeddings_inference_publishes(encoders, check):
    """Those of its README and its API documentation, with texts of ours."""

    def asked(path, **body):
        answer = requests.post(f"{encoders.url}{path}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    query, texts = encoders.asked["query"], encoders.asked["texts"]
    options = {"normalize": True, "truncate": False, "truncation_direction": "Right", "prompt_name": None}
    found = {
        "documents": asked("/embed", inputs=texts),
        "query": asked("/embed", inputs=texts[0]),
        "all members": asked("/embed", inputs=texts, **options),
        "openai": [each["embedding"] for each in asked("/v1/embeddings", input=texts, model="embedder")["data"]],
    }
    check(found, *found)
    ranks = asked("/rerank", query=query, texts=texts)
    scores = scores_of(query, texts)
    assert {each["index"]: each["score"] for each in ranks} == pytest.approx(dict(enumerate(scores)), abs=1e-6)
    whole = asked("/rerank", query=query, texts=texts, raw_scores=False, return_text=True, truncate=False)
    assert [each["text"] for each in whole] == [texts[each["index"]] for each in ranks]
    check_labels(asked("/predict", inputs=texts[0]), texts[0])
    for given, text in zip(asked("/predict", inputs=[[text] for text in texts], raw_scores=False), texts, strict=True):
        check_labels(given, text)


def scores_of(query, texts):
    return [1 / (1 + math.exp(-number_of_pair(query, text))) for text in texts]


def check_labels(given, text):
    powers = np.exp(numbers_of(text, 3, normalized=False))
    expected = dict(zip(LABELS, (powers / powers.sum()).tolist(), strict=True))
    assert {each["label"]: each["score"] for each in given} == pytest.approx(expected, abs=1e-6)
