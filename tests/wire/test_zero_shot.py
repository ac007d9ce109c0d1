"""Texts by labels of the request: every dialect, the page and the client, and what is refused."""

import json

import numpy as np
import pytest

from client import Client
from service.app import create_app
from service.settings import Settings
from tests.support.client_server import Answer, answering
from tests.support.tiny_encoders import MAX_TOKENS, numbers_of_pair, pack_zero_shot
from tests.support.ways import WholeClient

TEXTS, LABELS, TEMPLATE = ["abc", "zz"], ["x", "Q", "9"], "is {}"
PATH = "/v1/models/judge:predict"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_zero_shot(store)
    return WholeClient(create_app(Settings(store=store)))


def ask(client, texts=TEXTS, **parameters):
    chosen = {"candidate_labels": LABELS, "hypothesis_template": TEMPLATE, **parameters}
    return client.post(PATH, json={"instances": texts, "parameters": chosen})


def same(given, text, labels=LABELS, *, several=False, template=TEMPLATE):
    """What the network's numbers make of it, by hand."""
    powers = np.exp([numbers_of_pair(text, template.replace("{}", label)) for label in labels])
    scores = powers[:, 2] / (powers[:, 0] + powers[:, 2]) if several else powers[:, 2] / powers[:, 2].sum()
    order = np.argsort(-scores)
    assert given["sequence"] == text
    assert given["labels"] == [labels[place] for place in order]
    assert np.allclose(given["scores"], scores[order], atol=1e-6)


def test_one_label_fits_or_several(client):
    for given, text in zip(ask(client).json["predictions"], TEXTS, strict=True):
        same(given, text)
    for given, text in zip(ask(client, multi_label=True).json["predictions"], TEXTS, strict=True):
        same(given, text, several=True)
    (alone,) = ask(client, ["abc"], candidate_labels="x").json["predictions"]
    same(alone, "abc", ["x"], several=True)  # one label for itself, as the pipeline has it
    (usual,) = ask(client, ["a"], candidate_labels="x, Q,", hypothesis_template=None).json["predictions"]
    same(usual, "a", ["x", "Q"], template="This example is {}.")


def test_v2_and_mlflow_say_the_same(client):
    parameters = {"candidate_labels": "x, Q, 9", "hypothesis_template": TEMPLATE}
    tensor = {"name": "text", "datatype": "BYTES", "shape": [2], "data": TEXTS}
    answer = client.post("/v2/models/judge/infer", json={"inputs": [tensor], "parameters": parameters})
    (output,) = answer.json["outputs"]
    assert (output["name"], output["shape"]) == ("classification", [2])
    for given, text in zip(output["data"], TEXTS, strict=True):
        same(json.loads(given), text)
    flow = client.post("/endpoints/judge/invocations", json={"instances": TEXTS, "params": parameters})
    same(flow.json["predictions"][1], TEXTS[1])


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"candidate_labels": None}, {"candidate_labels"}),
        ({"candidate_labels": []}, {"candidate_labels"}),
        ({"candidate_labels": ["a", "a"]}, {"candidate_labels"}),
        (
            {"candidate_labels": ["a", ""], "multi_label": 1, "labels": []},
            {"candidate_labels", "multi_label", "labels"},
        ),
        ({"hypothesis_template": "no hole"}, {"hypothesis_template"}),
        ({"hypothesis_template": "{} and {}"}, {"hypothesis_template"}),
        ({"hypothesis_template": "{:>1000000000}"}, {"hypothesis_template"}),
        ({"hypothesis_template": "{} {0.__class__}"}, {"hypothesis_template"}),
        ({"candidate_labels": ["a", "y" * 30]}, {"candidate_labels[1]"}),
        ({"candidate_labels": ["a", "y" * (MAX_TOKENS - 6)]}, {"candidate_labels[1]"}),
    ],
)
def test_what_is_wrong_is_named(client, parameters, named):
    refused = ask(client, truncate=True, **parameters)
    assert refused.status_code == 422
    assert {each["parameter"] for each in refused.json["details"]} == named


def test_a_long_text_is_refused_once_or_cut_and_its_label_is_not(client):
    refused = ask(client, ["a", "y" * 40])
    assert [each["parameter"] for each in refused.json["details"]] == ["instances[1]"]
    (cut,) = ask(client, ["y" * 40], truncate=True).json["predictions"]
    same(cut | {"sequence": "y" * (MAX_TOKENS - 7)}, "y" * (MAX_TOKENS - 7))


def test_pairs_are_bounded(tmp_path):
    pack_zero_shot(tmp_path)
    small = WholeClient(create_app(Settings(store=tmp_path, max_rows=5)))
    refused = ask(small)
    assert (refused.status_code, "2 texts by 3 labels make 6 pairs" in refused.text) == (413, True)


def test_it_is_described_and_shown(client):
    paths = client.get("/openapi.json").json["paths"]
    for path in (PATH, "/v2/models/judge/infer", "/endpoints/judge/invocations"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        for example in content["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    assert client.get("/v1/models/judge").json["default_for"] == ["classify_zero_shot"]
    assert 'data-capability="classify_zero_shot"' in client.get("/models/judge", headers={"Accept": "text/html"}).text


def test_the_client_gives_labels_with_their_scores(client):
    def post(request):
        answer = client.post(PATH, data=request.body, headers={"Content-Type": "application/json"})
        return Answer(answer.status_code, answer.data, {"Content-Type": "application/json"})

    with answering({f"POST {PATH}": post}) as server, Client(server.url) as daylight:
        (given,) = daylight.classify_zero_shot("abc", LABELS, "judge", hypothesis_template=TEMPLATE, multi_label=True)
        same(given, "abc", several=True)
