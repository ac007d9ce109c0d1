"""tritonclient[http], Triton's own client, completes its tour: JSON, raw tensors, texts, compression, asyncio."""

import pytest

from tests.clients.driving import drive


@pytest.fixture(scope="module")
def told(visited):
    return drive("tritonclient", visited.url, visited.tables)


def close(found, wanted):
    return found == [pytest.approx(row, abs=1e-9) for row in wanted]


def test_what_there_is(told):
    assert [told[name] for name in ("live", "ready", "absent_ready")] == [True, True, False]
    assert told["model_ready"] == [True, True]
    assert "binary_tensor_data" in told["server"]["extensions"]
    assert {one["datatype"] for one in told["metadata"]["inputs"]} == {"FP64"}
    assert [one["name"] for one in told["metadata"]["outputs"]][:2] == ["predict", "predict_proba"]
    assert {one["name"]: one["state"] for one in told["index"]} == {
        "iris": "READY",
        "penguins": "READY",
        "tiny": "READY",
    }


@pytest.mark.parametrize("kind", ["json", "binary"])
def test_predictions_are_those_of_the_estimator(visited, told, kind):
    wanted = visited.wanted["iris"]
    for labels, scores in (told[f"{kind}_FP64"], told[f"{kind}_columns"][1:]):
        assert labels == wanted["predict"]
        assert close(scores, wanted["predict_proba"])
    labels, scores = told[f"{kind}_FP32"]
    assert labels == wanted["predict"]
    assert scores == [pytest.approx(row, abs=1e-6) for row in wanted["predict_proba"]]
    assert told[f"{kind}_columns"][0] == "mine"
    labels, scores = told[f"{kind}_mixed"]
    assert labels == visited.wanted["penguins"]["predict"]
    assert close(scores, visited.wanted["penguins"]["predict_proba"])


def test_half_floats(visited, told):
    labels, scores = told["binary_FP16"]
    assert labels == visited.wanted["iris"]["predict"]
    assert scores == [pytest.approx(row, abs=1e-2) for row in visited.wanted["iris"]["predict_proba"]]


@pytest.mark.parametrize("how", ["no_outputs_named", "gzip", "deflate", "async", "timeout"])
def test_ways_of_sending(visited, told, how):
    assert told[how] == visited.wanted["iris"]["predict"]


def test_asyncio(visited, told):
    assert told["aio"] == [True, *[visited.wanted["iris"]["predict"]] * 3]


def test_texts(told):
    assert told["json_texts"] == told["binary_texts"]
    assert all(len(text) == 4 for text in told["json_texts"])


def test_the_best_classes(visited, told):
    for best, scores in zip(told["classification"], visited.wanted["iris"]["predict_proba"], strict=True):
        value, place, label = best[0].split(":")
        assert float(value) == pytest.approx(max(scores), abs=1e-6)
        assert int(place) == scores.index(max(scores))
        assert label == ("setosa", "versicolor", "virginica")[int(place)]
        assert len(best) == 2


def test_errors_say_all_in_one_string(told):
    assert told["no_model"] == {
        "status": "404",
        "message": "there is no model 'absent'; there are iris, penguins, tiny",
    }
    assert told["no_version"]["status"] == "404"
    assert told["violations"] == {
        "status": "400",
        "message": 'row 0, column "sepal width (cm)": expected number, got null; '
        'row 2, column "petal width (cm)": expected number, got null',
    }
    assert "outputs: expected any of predict" in told["no_output"]["message"]
