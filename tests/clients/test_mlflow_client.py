"""MLflow's own clients complete their tours against the real server."""

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import ROOT, live_server
from service.packing import pack
from service.wire import mlflow
from tests.clients.driving import drive
from tests.support.tiny_text import add_compiled_tiny

X, Y = load_iris(return_X_y=True, as_frame=True)
LABELS = Y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
ESTIMATOR = LogisticRegression(max_iter=1000).fit(X, LABELS)
ROWS = X[::30].reset_index(drop=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the tour printed: {stop: result}."""
    store = tmp_path_factory.mktemp("mlflow")
    pack(ESTIMATOR, X, LABELS, name="iris", store=store)
    add_compiled_tiny(store)
    with live_server(store) as url:
        return drive("mlflow", url, {"iris": ROWS.to_dict("list")})


def test_the_scoring_client(found):
    wanted = ESTIMATOR.predict(ROWS).tolist()
    assert [found[form] for form in ("frame", "array", "list", "shuffled")] == [wanted] * 4
    labels, probabilities = found["several"]
    assert labels == wanted
    for row, told in zip(ESTIMATOR.predict_proba(ROWS), probabilities, strict=True):
        assert list(told.values()) == pytest.approx(row.tolist(), rel=1e-6)


def test_the_version_is_that_of_the_client(found):
    pinned = (ROOT / "tests/clients/mlflow/requirements.txt").read_text()
    assert f"mlflow-skinny=={mlflow.VERSION}\n" in pinned
    assert found["version"] == mlflow.VERSION


def test_the_scoring_client_shows_what_is_wrong(found):
    kind, told = found["hole"]
    assert kind == "Exception"
    assert "error code 400" in told
    assert r"row 1, column \"sepal length (cm)\": expected number, got null (and 3 more)" in told
    assert "at least one" in found["empty"][1]


def test_the_deployments_client(found):
    assert found["endpoint"] == ESTIMATOR.predict(ROWS).tolist()
    assert [type(text) for text in found["texts"]] == [str, str]
    kind, told = found["absent"]
    assert (kind, "RESOURCE_DOES_NOT_EXIST" in told) == ("HTTPError", True)
    assert "there is no model 'absent'; there are iris, tiny" in told
    assert "sepal length (cm)" in found["wrong"][1]
