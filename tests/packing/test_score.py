"""A model arrives with its score, and with the rows that it is of."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from service.cli import main
from service.packing import pack


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    y = y.map({0: "malignant", 1: "benign"})
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X[:400], y[:400]), X, y


def test_the_score_is_that_of_the_rows_it_was_packed_with_where_there_are_no_others(tmp_path, tumours):
    model, X, y = tumours
    manifest = pack(model, X[:400], y[:400], name="m", store=tmp_path).manifest
    assert manifest.metrics["scored_on"] == "400 of the rows it was packed with"
    assert manifest.metrics["accuracy"] == pytest.approx(accuracy_score(y[:400], model.predict(X[:400])), abs=1e-6)
    assert manifest.spec["estimator"] == "LogisticRegression"


def test_held_out_rows_are_scored_instead(tmp_path, tumours):
    model, X, y = tumours
    version = pack(model, X[:400], y[:400], name="m", store=tmp_path, held_out=(X[400:], y[400:]))
    metrics = version.manifest.metrics
    assert metrics["scored_on"] == "169 held-out rows"
    wanted = roc_auc_score(y[400:] == "malignant", model.predict_proba(X[400:])[:, 1])
    assert metrics["roc_auc"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("targets", [1, 2])
def test_regressors_have_their_own_measures(tmp_path, targets):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    y = pd.DataFrame({"a": y, "b": -y}) if targets == 2 else y
    model = LinearRegression().fit(X, y)
    metrics = pack(model, X, y, name="m", store=tmp_path).manifest.metrics
    assert metrics["r2"] == pytest.approx(r2_score(y, model.predict(X)), abs=1e-6)
    assert list(metrics) == ["r2", "mean_absolute_error", "root_mean_squared_error", "scored_on"]


def test_targets_that_are_not_what_it_predicts_give_no_score(tmp_path, tumours):
    """The names of labels beside their numbers would be an accuracy of 0."""
    model, X, y = tumours
    assert pack(model, X, (y == "benign").astype(int), name="m", store=tmp_path).manifest.metrics == {}
    assert pack(model, X, name="m", store=tmp_path).manifest.metrics == {}
    assert pack(model, X, y, name="m", store=tmp_path, metrics={"gini": 0.9}).manifest.metrics == {"gini": 0.9}


def test_the_command_takes_held_out_rows_or_your_own_scores_and_says_what_is_next(tmp_path, tumours):
    model, X, y = tumours
    joblib.dump(model, tmp_path / "m.joblib")
    table = X.assign(kind=y)
    table[:400].to_csv(tmp_path / "data.csv", index=False)
    table[400:].to_csv(tmp_path / "test.csv", index=False)
    (tmp_path / "scores.json").write_text(json.dumps({"gini": 0.9}))
    (tmp_path / "wrong.json").write_text("[1]")
    sample = ["--data", tmp_path / "data.csv", "--target", "kind"]
    command = ["pack", tmp_path / "m.joblib", *sample, "--store", tmp_path / "s"]

    def run(*options):
        return CliRunner().invoke(main, list(map(str, [*command, *options])))

    ran = run("--test", tmp_path / "test.csv")
    assert ran.exit_code == 0, ran.output
    assert "scored_on 169 held-out rows" in ran.output
    assert "next: daylight serve" in ran.output
    assert "score gini 0.9" in run("--metrics", tmp_path / "scores.json").output
    refused = run("--metrics", tmp_path / "wrong.json")
    assert refused.exit_code == 1
    assert 'expected an object of numbers and texts, such as {"accuracy": 0.97}' in refused.output


def test_rows_of_the_sample_that_json_has_not_leave_it_without_a_score(tmp_path):
    X = pd.DataFrame({"a": [1.0, np.inf, 3.0] * 20})
    model = HistGradientBoostingRegressor(max_iter=2).fit(X, np.arange(60.0))
    assert pack(model, X, np.arange(60.0), name="m", store=tmp_path).manifest.metrics == {}
