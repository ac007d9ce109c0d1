"""Boosted trees: every model of every library is compiled, and its graph equals the library on rows it never saw."""

import numpy as np
import pandas as pd
import pytest

from service import models
from service.packing import pack
from service.settings import Settings
from tests.support.boosted import BOOSTED
from tests.support.tables import records

METHODS = ("predict", "predict_proba", "decision_function")
CASES = [(library, name) for library, cases in BOOSTED.items() for name in cases]


def fresh(X, count=40):
    """Rows that no proof has seen: every cell from another row, numbers moved a little."""
    rng = np.random.default_rng(99)
    columns = list(X.columns) if isinstance(X, pd.DataFrame) else range(X.shape[1])
    frame = pd.DataFrame(X)
    mixed = {name: frame[name].iloc[rng.integers(len(frame), size=count)].reset_index(drop=True) for name in columns}
    for name, column in mixed.items():
        if column.dtype.kind == "f":
            mixed[name] = column * (1 + 1e-3 * rng.normal(size=count))
    rows = pd.DataFrame(mixed)
    return rows if isinstance(X, pd.DataFrame) else rows.to_numpy()


def served(version):
    model = models.load(version, Settings())
    model.warm_up()
    return model


@pytest.mark.parametrize(("library", "name"), CASES, ids=map(": ".join, CASES))
def test_a_boosted_model_is_compiled_and_equals_its_library(tmp_path, library, name):
    pytest.importorskip(library)
    estimator, X, y = BOOSTED[library][name]()
    version = pack(estimator, X, y, name="m", store=tmp_path)
    told = version.manifest.spec["runtime"]
    assert told["name"] == "onnx", told["reason"]
    assert told["measured"] <= 1e-6
    rows, model = fresh(X), served(version)
    outputs = [method for method in METHODS if hasattr(estimator, method)]
    assert list(version.manifest.spec["outputs"]) == outputs
    answers = model.predict(records(rows), outputs).outputs
    for method in outputs:
        found = [list(row.values()) if isinstance(row, dict) else row for row in answers[method]]
        equal(np.array(found), np.asarray(getattr(estimator, method)(rows)))


def equal(found, wanted):
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)
    else:
        np.testing.assert_array_equal(found, wanted)


def test_a_sample_without_some_of_catboosts_categories_is_not_compiled(tmp_path):
    """Nothing tells a category that the sample lacks from one that is new to the model: the graph would be wrong."""
    pytest.importorskip("catboost")
    estimator, X, y = BOOSTED["catboost"]["categories"]()
    version = pack(estimator, X[:9], y[:9], name="m", store=tmp_path)
    assert version.manifest.spec["runtime"]["name"] == "sklearn"
    assert [column["kind"] for column in version.manifest.spec["columns"]][:2] == ["text", "text"]
    assert len(X["variety"][:9].unique()) < len(X["variety"].unique())
    answer = served(version).predict(records(X))
    assert answer.predictions == pytest.approx(estimator.predict(X).tolist())
    assert not answer.warnings


def test_a_category_that_catboost_never_saw_counts_as_its_library_says(tmp_path):
    pytest.importorskip("catboost")
    estimator, X, y = BOOSTED["catboost"]["categories in combinations"]()
    version = pack(estimator, X, y, name="m", store=tmp_path)
    assert version.manifest.spec["runtime"]["name"] == "onnx"
    strange = X[:20].assign(variety="Barley of the moon")
    answer = served(version).predict(records(strange))
    assert answer.predictions == pytest.approx(estimator.predict(strange).tolist(), rel=1e-9)
    assert answer.warnings
