"""Models that misbehave: 500 in every dialect, for an alarm to hear, and the caller's fault only where a cell's is."""

import logging

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from service.app import create_app
from service.packing import pack
from service.packing.python_class import pack_class
from service.settings import Settings
from tests.support.estimators import Odd

SOURCE = '''
class Odd:
    """Answers a row by its number, well for 0."""

    class Inputs:
        a: int

    def predict(self, rows) -> list[float]:
        return ANSWERS[max(row["a"] for row in rows)](rows)


def raises(error):
    def answer(rows):
        raise error

    return answer


def endless(rows):
    return endless(rows)


ANSWERS = {
    0: lambda rows: [1.0] * len(rows),
    1: raises(RuntimeError("the disk is on fire")),
    2: endless,
    3: raises(MemoryError()),
    4: raises(OSError("no such file")),
    5: lambda rows: None,
    6: lambda rows: [1.0] * (len(rows) + 1),
    7: lambda rows: ["text"] * len(rows),
    8: lambda rows: [float("nan")] * len(rows),
    9: lambda rows: [float("inf")] * len(rows),
    10: lambda rows: [None] * len(rows),
    11: lambda rows: [object()] * len(rows),
    12: raises(ValueError("a cell that this model cannot take")),
}
'''
BLAMELESS, BLAMED = range(1, 12), 12

# The same row in each dialect, and where the answer has its code.
TENSOR = {"name": "a", "datatype": "INT64", "shape": [1]}
CALLS = {
    "v1": ("/v1/models/odd:predict", lambda a: {"instances": [{"a": a}]}),
    "v2": (
        "/v2/models/odd/infer",
        lambda a: {"inputs": [{"name": "a", "datatype": "INT64", "shape": [1], "data": [a]}]},
    ),
    "mlflow": ("/endpoints/odd/invocations", lambda a: {"dataframe_records": [{"a": a}]}),
    "article": ("/predict", lambda a: [{"a": a}]),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store, folder = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("source")
    (folder / "odd_model.py").write_text(SOURCE)
    pack_class(f"{folder / 'odd_model.py'}:Odd", name="odd", store=store)
    return create_app(Settings(store=store, default_tabular="odd")).test_client()


@pytest.mark.parametrize("dialect", CALLS)
@pytest.mark.parametrize("way", BLAMELESS)
def test_a_failing_model_is_500_in_every_dialect(client, caplog, dialect, way):
    path, body = CALLS[dialect]
    with caplog.at_level(logging.ERROR):
        answer = client.post(path, json=body(way))
    assert answer.status_code == 500, answer.text
    assert "disk" not in answer.text
    assert caplog.records


def test_the_code_of_a_failing_model_is_prediction_failed(client):
    answers = [client.post(CALLS["v1"][0], json=CALLS["v1"][1](way)).json for way in BLAMELESS]
    assert {answer["code"] for answer in answers} == {"prediction_failed"}
    assert [answer["error"] for answer in answers[4:7]] == [
        "predict gave NoneType for 1 rows",
        "predict gave 2 answers for 1 rows",
        'row 0: the model gave "text" where its manifest declares a number',
    ]


@pytest.mark.parametrize("dialect", CALLS)
def test_a_cell_that_the_model_cannot_take_is_the_callers_fault_in_every_dialect(client, dialect):
    path, body = CALLS[dialect]
    answer = client.post(path, json=body(BLAMED))
    assert answer.status_code == (400 if dialect in ("v2", "mlflow") else 422)
    assert "expected integer that this model can compute with, got 12" in answer.text
    assert client.post(path, json=body(0)).status_code == 200


# --- estimators

X = np.arange(20.0).reshape(-1, 1)


def served(store, estimator, **options):
    pack(estimator, X, X[:, 0], name="m", store=store, **options)
    client = create_app(Settings(store=store)).test_client()
    return lambda value: client.post("/v1/models/m:predict", json={"instances": [[value]]})


@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
def test_an_infinite_prediction_names_the_cell(tmp_path, runtime):
    """1e308 times 3 is infinite; the answer was null, with status 200."""
    predict = served(tmp_path, LinearRegression().fit(X, 3 * X[:, 0]), runtime=runtime)
    answer = predict(1e308)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid_instances")
    assert "expected number that this model can compute with, got 1e+308" in answer.json["error"]
    assert predict(2.0).json["predictions"] == pytest.approx([6.0])


@pytest.mark.parametrize("value", [1.0, 2.0, 3.0])
def test_an_estimator_whose_answer_changes_its_form_is_500(tmp_path, value):
    predict = served(tmp_path, Odd().fit(X))
    assert predict(0.5).json["predictions"] == [0.5]
    answer = predict(value + 100)
    assert (answer.status_code, answer.json["code"]) == (500, "prediction_failed")


def test_a_number_that_the_sample_shows_missing_is_null(tmp_path):
    """A declared null: an estimator that hands a missing cell on says so in its manifest."""
    predict = served(tmp_path, Odd().fit(X))
    described = create_app(Settings(store=tmp_path)).test_client().get("/v1/models/m").json
    assert described["outputs"]["predict"]["nullable"] is True
    assert predict(None).json["predictions"] == [None]
