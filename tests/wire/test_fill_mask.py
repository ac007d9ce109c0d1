"""The likeliest tokens for the masks of texts: every dialect, the page and the client, and what is refused."""

import json

import numpy as np
import pytest

from client import Client
from service.app import create_app
from service.settings import Settings
from tests.support.client_server import Answer, answering
from tests.support.tiny_encoders import LETTERS, MASK, pack_mask_filler, scores_at
from tests.support.ways import WholeClient

PATH = "/v1/models/guess:predict"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_mask_filler(store)
    return WholeClient(create_app(Settings(store=store)))


def ask(client, texts, **parameters):
    return client.post(PATH, json={"instances": texts, "parameters": parameters})


def same(given, text, place, count=5):
    """The best letters for the mask at a place of the text."""
    scores = scores_at(place + 1)  # <s> stands before it
    best = np.argsort(-scores)[:count]
    assert [each["token"] for each in given] == best.tolist()
    assert [each["token_str"] for each in given] == [LETTERS[letter] for letter in best]
    assert np.allclose([each["score"] for each in given], scores[best], atol=1e-6)
    letters = [*text]
    for each in given:
        letters[place] = each["token_str"]
        kept = [letter for letter in letters if letter != "<pad>"]
        assert each["sequence"] == " ".join(["<s>", *kept, "</s>"]), "the letters' tokenizer has no marks to skip"


def test_a_mask_gets_its_likeliest_tokens(client):
    first, second = ask(client, [f"a{MASK}c", f"{MASK}"]).json["predictions"]
    same(first, f"a{MASK}c", 1)
    same(second, MASK, 0)
    (more,) = ask(client, [f"abc{MASK}"], top_k=7).json["predictions"]
    same(more, f"abc{MASK}", 3, 7)
    (every,) = ask(client, [MASK], top_k=100).json["predictions"]
    assert len(every) == len(LETTERS)


def test_several_masks_get_a_list_each(client):
    (given,) = ask(client, [f"{MASK}b{MASK}"], top_k=1).json["predictions"]
    assert [each["token"] for (each,) in given] == [int(scores_at(place).argmax()) for place in (1, 3)]
    assert given[1][0]["sequence"] == f"<s> {MASK} b {LETTERS[int(scores_at(3).argmax())]} </s>"


def test_v2_and_mlflow_say_the_same(client):
    texts = [f"a{MASK}c", MASK]
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": texts}
    body = {"inputs": [tensor], "parameters": {"top_k": 2}}
    (output,) = client.post("/v2/models/guess/infer", json=body).json["outputs"]
    assert (output["name"], output["shape"]) == ("fillings", [2])
    same(json.loads(output["data"][0]), texts[0], 1, 2)
    flow = client.post("/endpoints/guess/invocations", json={"instances": texts, "params": {"top_k": 3}})
    same(flow.json["predictions"][1], texts[1], 0, 3)


@pytest.mark.parametrize(
    ("texts", "parameters", "named"),
    [
        ([MASK, "none"], {}, {"instances[1]"}),
        ([MASK], {"top_k": 0, "targets": ["a"]}, {"top_k", "targets"}),
        ([MASK], {"top_k": 101}, {"top_k"}),
        ([MASK + "y" * 40], {}, {"instances[0]"}),
        (["y" * 40 + MASK], {"truncate": True}, {"instances[0]"}),
    ],
)
def test_what_is_wrong_is_named(client, texts, parameters, named):
    refused = ask(client, texts, **parameters)
    assert refused.status_code == 422
    assert {each["parameter"] for each in refused.json["details"]} == named


def test_masks_are_bounded(tmp_path):
    pack_mask_filler(tmp_path, vocabulary_size=2**22)
    small = WholeClient(create_app(Settings(store=tmp_path)))
    assert ask(small, [MASK * 4]).status_code == 200
    refused = ask(small, [MASK * 3, MASK * 2])
    assert (refused.status_code, "5 masks in one request; of this model at most 4" in refused.text) == (413, True)


def test_it_is_described_and_shown(client):
    paths = client.get("/openapi.json").json["paths"]
    for path in (PATH, "/v2/models/guess/infer", "/endpoints/guess/invocations"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    assert client.get("/v1/models/guess").json["default_for"] == ["fill_mask"]
    assert 'data-capability="fill_mask"' in client.get("/models/guess", headers={"Accept": "text/html"}).text


def test_the_client_gives_tokens_with_their_scores(client):
    def post(request):
        answer = client.post(PATH, data=request.body, headers={"Content-Type": "application/json"})
        return Answer(answer.status_code, answer.data, {"Content-Type": "application/json"})

    with answering({f"POST {PATH}": post}) as server, Client(server.url) as daylight:
        same(daylight.fill_mask(f"a{MASK}", "guess", top_k=2)[0], f"a{MASK}", 1, 2)
