"""Tables with targets of every sort, and what tests ask of models that were compiled.

    X, y = three_classes()
    version = pack(scaled(LogisticRegression()).fit(X, y), X, y, name="m", store=store)
    described(version)["name"]              # "onnx"

Answers are the `same` where labels and types are, and floats to 1e-9.
"""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

__all__ = [
    "counts",
    "described",
    "holes",
    "json_ready",
    "numbers",
    "same",
    "scaled",
    "several_labels",
    "several_numbers",
    "three_classes",
    "two_classes",
]


def two_classes():
    table = load_breast_cancer(as_frame=True)
    return table.data, table.target.map({0: "malignant", 1: "benign"})


def three_classes():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def numbers():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


def several_labels():
    X, y = load_iris(return_X_y=True)
    return X, np.column_stack([y == 1, X[:, 0] > 6]).astype(int)


def several_numbers():
    X, y = numbers()
    return X, np.column_stack([y, X[:, 2]])


def holes():
    X, y = three_classes()
    return np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X), y


def counts():
    X, y = three_classes()
    return np.round(X * 10), y


def scaled(*steps):
    return make_pipeline(StandardScaler(), *steps)


def described(version):
    return version.manifest.spec["runtime"]


def json_ready(rows):
    return [[None if value != value else value for value in row] for row in np.asarray(rows, dtype=float).tolist()]


def same(found, wanted):
    """Plain answers: labels and types exactly, floats to 1e-9."""
    assert type(found) is type(wanted)
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted, strict=True):
            same(*pair)
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            same(found[key], wanted[key])
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)
    else:
        assert found == wanted
