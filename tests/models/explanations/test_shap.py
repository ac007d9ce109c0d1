"""Explanations of models of many kinds against the exact values of `shap`, for the same background rows.

Of twenty seeds of each: the mean is within two standard errors of what `shap` computes of all coalitions, and each adds
up. That the errors are not told too large is a matter of the mean over all columns.
"""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from service import models
from service.models.explanations import explainer
from service.models.tables.shapley import plan_of
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store

pytestmark = pytest.mark.heavy

SEEDS = 20
COLUMNS = 8
CITIES = ["Rome", "Oslo", "Lima"]


def table(*, holes=False):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, COLUMNS)), columns=[f"x{place}" for place in range(COLUMNS)])
    if holes:
        X = X.mask(rng.random(X.shape) < 0.1)
    return X


def number(X):
    X = X.fillna(0)
    return X.x0 * 2 + X.x1 * X.x2 + np.sin(3 * X.x3) * X.x0 + X.x4**2


def label(X):
    return np.where(number(X) > 1, "high", np.where(X.x5 > 0, "low", "none"))


def with_cities(X):
    return X.assign(x7=np.array(CITIES)[np.digitize(X.x7, [-0.5, 0.5])])


def of_cities():
    encoded = make_column_transformer((OneHotEncoder(), ["x7"]), remainder="passthrough")
    return make_pipeline(encoded, RandomForestClassifier(n_estimators=20, max_depth=5, random_state=0))


MODELS = {
    "elastic net": (ElasticNet(alpha=0.01), table(), number),
    "polynomials": (make_pipeline(PolynomialFeatures(2), ElasticNet(alpha=0.01, max_iter=10_000)), table(), number),
    "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), table(), label),
    "tree": (DecisionTreeClassifier(max_depth=5, random_state=0), table(), label),
    "forest of two targets": (
        RandomForestRegressor(n_estimators=20, max_depth=6, random_state=0),
        table(),
        lambda X: pd.DataFrame({"a": number(X), "b": X.x5 * X.x6}),
    ),
    "boosted": (GradientBoostingRegressor(n_estimators=30, random_state=0), table(), number),
    "boosted with holes": (HistGradientBoostingClassifier(max_iter=20, random_state=0), table(holes=True), label),
    "boosted histograms": (HistGradientBoostingRegressor(max_iter=20, random_state=0), table(), number),
    "kernel machine": (SVC(), table(), label),
    "naive Bayes": (GaussianNB(), table(), label),
    "neighbors": (KNeighborsRegressor(), table(), number),
    "network": (MLPRegressor(hidden_layer_sizes=(20,), random_state=0, max_iter=3000), table(), number),
    "categories": (of_cities(), with_cities(table()), label),
}


def records(frame):
    return json.loads(frame.to_json(orient="records", double_precision=15))


@pytest.mark.parametrize("name", MODELS)
def test_shap_computes_the_same(tmp_path, monkeypatch, name):
    estimator, X, target = MODELS[name]
    y = target(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pack(estimator.fit(X, y), X, y, name="m", store=tmp_path)
    version = Store(tmp_path).open("m")
    model = models.load(version, Settings(store=tmp_path))
    with version.open("background.json") as file:
        background = json.load(file)
    row = records(X.iloc[[7]])
    found = seeds_of(model, row, monkeypatch)
    for target_name, each in found.items():
        exact, base = by_shap(model, row, background, each[0], target_name)
        values = np.array([list(one["contributions"].values()) for one in each])
        errors = np.array([list(one["errors"].values()) for one in each])
        told = np.sqrt(np.mean(errors**2, axis=0))
        assert each[0]["base"] == pytest.approx(base, abs=1e-9)
        assert [one["base"] + sum(one["contributions"].values()) for one in each] == pytest.approx(
            [each[0]["value"]] * len(each), rel=1e-9, abs=1e-9
        )
        off = np.abs(values.mean(axis=0) - exact)
        assert (off <= 2 * told + 1e-9).all()
        # Of the means of twenty, a standard error is told / sqrt(20).
        assert np.sqrt(np.mean(off**2)) <= 2 * np.sqrt(np.mean(told**2)) / np.sqrt(len(each)) + 1e-9


def seeds_of(model, row, monkeypatch):
    """{target: the explanations of one row with so many seeds}."""
    found = []
    for seed in range(SEEDS):
        monkeypatch.setattr(explainer, "plan_of", lambda columns, rows, seed=seed: plan_of(columns, rows, seed))
        found.append(model.predict(row, ["explanation"]).outputs["explanation"][0])
    if "contributions" in found[0]:
        return {None: found}
    return {target: [one[target] for one in found] for target in found[0]}


def by_shap(model, row, background, told, target):
    """(the exact values of `shap`, its base), of the number that the explanation `told` is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it draws with matplotlib in ways that will be none
        import shap
    names = list(row[0])
    output = told["output"]

    def answer(codes):
        rows = [dict(zip(names, map(cell, names, line), strict=True)) for line in codes.tolist()]
        answers = model.predict(rows, [output]).outputs[output]
        if target is not None:
            return np.array([one[target] if isinstance(one, dict) else one for one in answers])
        return np.array([one[told["label"]] if isinstance(one, dict) else one for one in answers])

    masker = shap.maskers.Independent(as_codes(background), max_samples=len(background))
    explained = shap.explainers.ExactExplainer(answer, masker)(as_codes(row), max_evals=2**COLUMNS + 1)
    return explained.values[0], float(explained.base_values[0])


def as_codes(rows):
    """Rows as numbers alone, which is what `shap` can mix: a city is its place."""
    return np.array([[code(value) for value in row.values()] for row in rows], dtype=float)


def code(value):
    return np.nan if value is None else CITIES.index(value) if isinstance(value, str) else value


def cell(name, number):
    if np.isnan(number):
        return None
    return CITIES[int(number)] if number in range(len(CITIES)) and name == "x7" else number
