"""mlserver's codecs: what they build from frames, arrays and texts is understood, and they understand the answers."""

import pytest

from tests.clients.driving import drive


@pytest.fixture(scope="module")
def told(visited):
    return drive("mlserver", visited.url, visited.tables)


@pytest.mark.parametrize(("how", "table"), [("array", "iris"), ("input", "iris"), ("frame", "iris"), ("gaps", "gaps")])
def test_predictions_are_those_of_the_estimator(visited, told, how, table):
    wanted = visited.wanted[table]
    assert told[how]["predict"] == wanted["predict"]
    assert told[how]["predict_proba"] == [pytest.approx(row, abs=1e-9) for row in wanted["predict_proba"]]


def test_single_floats(visited, told):
    wanted = visited.wanted["iris"]["predict_proba"]
    assert told["single"]["predict_proba"] == [pytest.approx(row, abs=1e-6) for row in wanted]


def test_a_frame_back(visited, told):
    assert told["frame_back"] == {"predict": visited.wanted["iris"]["predict"]}


def test_metadata_names_the_columns(visited, told):
    assert told["inputs"] == list(visited.tables["iris"])


def test_texts(told):
    assert [len(text) for text in told["texts"]["text"]] == [4, 4]
