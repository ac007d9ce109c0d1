"""kserve's InferenceRESTClient completes its tour, in V1 and in V2."""

import pytest

from tests.clients.driving import drive


@pytest.fixture(scope="module")
def told(visited):
    return drive("kserve", visited.url, visited.tables)


def close(found, wanted):
    return found == [pytest.approx(row, abs=1e-9) for row in wanted]


def test_v1(visited, told):
    told, wanted = told["v1"], visited.wanted["holed"]["predict"]
    assert (told["live"], told["model_ready"]) == (True, True)
    assert told["rows"]["predictions"] == told["columns"]["predictions"] == wanted
    assert told["violations"]["status"] == 422
    assert 'row 0, column "body_mass_g": expected number or null, got "heavy"' in told["violations"]["message"]
    assert told["no_model"]["status"] == 404


def test_v2_says_what_is_alive_and_ready(told):
    told = told["v2"]
    assert [told[name] for name in ("live", "ready", "model_ready", "absent_ready")] == [True, True, True, False]


@pytest.mark.parametrize("kind", ["json", "binary"])
def test_v2_predictions_are_those_of_the_estimator(visited, told, kind):
    labels, scores = told["v2"][kind]
    assert labels == visited.wanted["iris"]["predict"]
    assert close(scores, visited.wanted["iris"]["predict_proba"])
    assert told["v2"]["first"] == told["v2"]["output_0"] == [labels]


def test_v2_columns_with_holes(visited, told):
    labels, scores = told["v2"]["columns"]
    assert labels == visited.wanted["holed"]["predict"]
    assert close(scores, visited.wanted["holed"]["predict_proba"])


def test_v2_texts_and_errors(told):
    (text,) = told["v2"]["text"]
    assert len(text) == 4
    assert told["v2"]["violations"]["status"] == 400
    assert 'row 0, column "' in told["v2"]["violations"]["message"]
    assert "there is no model 'absent'" in told["v2"]["no_model"]["message"]
