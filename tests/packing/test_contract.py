"""What packing learns, and what it refuses: every refusal says which column, why, and what would do."""

from datetime import timedelta
from decimal import Decimal
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.cluster import DBSCAN
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from service.errors import InvalidInstances
from service.packing import pack
from service.packing.proof import ALONE
from service.packing.schema import QUESTIONS
from tests.support.loading import served
from tests.support.zoo_steps import dates_from_text


class Count(LinearRegression):
    """A linear model that counts how often it is asked."""

    calls = 0

    def predict(self, X):
        type(self).calls += 1
        return super().predict(X)


def spec(version):
    return version.manifest.spec


@pytest.fixture
def line():
    """Two columns of eight rows, and a target."""
    X = pd.DataFrame({"a": np.arange(8.0), "b": np.arange(8.0) ** 2})
    return X, X["a"] * 2


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(), "LogisticRegression is not fitted: call its fit"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "Pipeline is not fitted: call its fit"),
        (LogisticRegression, "LogisticRegression is a class; fit an instance"),
        (DBSCAN().fit([[0.0], [1.0]]), "it can only label the rows it was fitted on"),
        ({"a": "dictionary"}, "dict has no predict and no transform: nothing to serve"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_fitted_estimator_is_refused(tmp_path, estimator, reason):
    with pytest.raises(ValueError, match=reason):
        pack(estimator, [[0.0], [1.0]], name="m", store=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[1], [2]], "values of several kinds"),
        ([Decimal(1), Decimal(2)], "decimal"),
        ([timedelta(1), timedelta(2)], "timedelta64"),
        (pd.period_range("2024", periods=2, freq="D"), "period"),
        (pd.interval_range(0, 2), "interval"),
        (pd.cut([1, 5], [0, 2, 9]), "categories that are Intervals"),
        ([1 + 2j, 3j], "complex numbers"),
        ([b"a", b"b"], "bytes"),
        ([1, "a"], "values of several kinds"),
    ],
)
def test_a_column_that_json_has_no_values_for_is_named(tmp_path, values, told):
    X = pd.DataFrame({"odd": values})
    with pytest.raises(ValueError, match=f"column 'odd' holds {told} .*convert the column before fitting"):
        pack(FunctionTransformer().fit(X), X, name="m", store=tmp_path)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["a", "a"], "several columns named 'a'"),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), "2 levels of names"),
        ([("a", 1), "b"], r"the column name \('a', 1\) is a tuple"),
        ([1, "1"], "several columns named '1'"),
    ],
)
def test_columns_that_json_cannot_name_are_refused(tmp_path, line, columns, told):
    X, y = line
    estimator = LinearRegression().fit(X.to_numpy(), y)
    X.columns = pd.Index(columns, tupleize_cols=False) if isinstance(columns, list) else columns
    with pytest.raises(ValueError, match=told):
        pack(estimator, X, name="m", store=tmp_path)


def test_no_rows_too_many_columns_and_too_many_dimensions_are_told(tmp_path, line):
    X, y = line
    estimator = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="the sample has no rows"):
        pack(estimator, X.head(0), name="m", store=tmp_path)
    with pytest.raises(ValueError, match="fitted on 2 columns, the sample has 3"):
        pack(LinearRegression().fit(X.to_numpy(), y), X.assign(c=1), name="m", store=tmp_path)
    with pytest.raises(ValueError, match="3 dimensions"):
        pack(estimator, np.zeros((2, 2, 2)), name="m", store=tmp_path)


def test_numbers_as_names_become_text_and_the_fitted_frame_again(tmp_path):
    X = pd.DataFrame({0: ["x", "y", "x"], 1: [1.0, 2.0, 3.0]})
    estimator = make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough").fit(X)
    version = pack(estimator, X, name="m", store=tmp_path)
    assert [(column["name"], column["label"]) for column in spec(version)["columns"]] == [("0", 0), ("1", 1)]
    assert served(version).predict([{"0": "y", "1": 2}]).predictions == [[0.0, 1.0, 2.0]]


def test_sparse_sample_is_noted_and_a_very_wide_one_refused(tmp_path, line):
    X, y = line
    X = sparse.csr_matrix(X.to_numpy())
    version = pack(LinearRegression().fit(X, y), X, name="m", store=tmp_path)
    assert "sparse matrix" in spec(version)["notes"][0]
    assert served(version).predict([[1, 1]]).predictions == pytest.approx([2])
    wide = sparse.csr_matrix((2, 20_000))
    with pytest.raises(ValueError, match="sparse matrix of 20000 columns.*begins with the vectorizer"):
        pack(StandardScaler(with_mean=False).fit(wide), wide, name="w", store=tmp_path)


def test_answer_too_wide_for_json_is_refused_at_packing(tmp_path):
    """HashingVectorizer has a million columns: a thousand rows of them, made dense, are eight gigabytes."""
    texts = pd.Series(["a b", "b c"])
    with pytest.raises(ValueError, match="transform: .*1048576 columns a row are more than"):
        pack(HashingVectorizer(), texts, name="h", store=tmp_path)


def test_columns_without_any_value_and_constant_ones_are_columns(tmp_path):
    X = pd.DataFrame({"empty": [np.nan] * 40, "constant": [1] * 40, "n": np.arange(40.0)})
    estimator = make_pipeline(SimpleImputer(keep_empty_features=True), LinearRegression()).fit(X, X["n"])
    version = pack(estimator, X, name="m", store=tmp_path)
    empty, constant, _ = spec(version)["columns"]
    assert (empty["missing_rate"], empty["nullable"], empty["kind"]) == (1, True, "number")
    assert (constant["minimum"], constant["maximum"]) == (1, 1)
    assert len(served(version).predict([[None, 1, 3.0], [5, 1, None]]).predictions) == 2


def test_truth_values_with_holes_and_one_column_alone(tmp_path):
    X = pd.DataFrame({"flag": [True, None, False]}, dtype=object)
    version = pack(OneHotEncoder().fit(X), X, name="m", store=tmp_path)
    (flag,) = spec(version)["columns"]
    assert (flag["kind"], flag["categories"], flag["nullable"]) == ("category", [False, True], True)
    assert served(version).predict([None, True]).predictions == [[0, 0, 1], [0, 1, 0]]


def test_sample_rows_with_infinity_are_excluded_from_the_proof_with_a_note(tmp_path):
    X = pd.DataFrame({"a": [1.0, np.inf, 3.0] * 20})
    version = pack(HistGradientBoostingRegressor(max_iter=2).fit(X, np.ones(60)), X, name="m", store=tmp_path)
    assert spec(version)["notes"] == ["20 sample rows hold infinite numbers, which JSON has not; callers cannot"]
    assert spec(version)["columns"][0]["maximum"] == 3


def test_sample_may_hold_categories_that_the_encoder_never_saw(tmp_path):
    """Packing with held-out rows failed with `the sample does not fit its own schema`."""
    X = pd.DataFrame({"city": ["Oslo", "Rome", "Oslo"]})
    estimator = OneHotEncoder(handle_unknown="ignore").fit(X)
    held_out = pd.DataFrame({"city": ["Rome", "Lima"]})
    version = pack(estimator, held_out, name="m", store=tmp_path)
    assert spec(version)["columns"][0]["categories"] == ["Oslo", "Rome"]
    assert served(version).predict(["Lima"]).predictions == [[0, 0]]


def test_categories_after_a_scaler_are_not_the_columns_own(tmp_path):
    """The encoder's categories were in the scaler's units, and no row of the sample was one of them."""
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 2.0]})
    version = pack(make_pipeline(StandardScaler(), OneHotEncoder()).fit(X), X, name="m", store=tmp_path)
    assert [column["kind"] for column in spec(version)["columns"]] == ["number", "number"]


def test_a_very_wide_table_is_asked_a_bounded_number_of_questions(tmp_path):
    """A question a column, each of which built the plan of all columns, took minutes for a thousand columns."""
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 1500)), columns=[f"c{place}" for place in range(1500)])
    estimator, Count.calls = Count().fit(X, X["c0"]), 0
    began = perf_counter()
    version = pack(estimator, X, name="wide", store=tmp_path)
    assert Count.calls <= 2 * QUESTIONS + ALONE + 10
    assert perf_counter() - began < 30
    assert "columns were not tried without a value" in spec(version)["notes"][0]
    assert not any(column["nullable"] for column in spec(version)["columns"])


def test_statistics_are_of_all_rows_of_a_long_table_and_quick(tmp_path):
    X = pd.DataFrame({"a": np.arange(150_000.0), "b": np.arange(150_000) % 7})
    X.loc[149_999, "a"] = 1e9
    estimator = GaussianNB().fit(X, X["b"] > 3)
    began = perf_counter()
    version = pack(estimator, X, name="long", store=tmp_path)
    assert perf_counter() - began < 10
    assert spec(version)["columns"][0]["maximum"] == 1e9
    assert version.manifest.provenance["rows"] == 150_000


def test_rows_valid_alone_and_invalid_together_are_named_as_422(tmp_path):
    """Dates in two forms: pandas reads each, but not both in one column; the answer was a 500."""
    X = pd.DataFrame({"day": ["2012-01-01", "2013-02-03", "2014-05-06"]})
    model = served(pack(FunctionTransformer(dates_from_text).fit(X), X, name="m", store=tmp_path))
    assert model.predict(["2012-01-01T00:00:00"]).predictions == [[2012, 1]]
    with pytest.raises(InvalidInstances) as caught:
        model.predict(["2012-01-01", "2012-01-01T00:00:00"])
    (violation,) = caught.value.details
    assert (violation["row"], violation["column"]) == (1, "day")
    with pytest.raises(InvalidInstances) as caught:
        model.predict(["2012-01-01", "no date"])
    assert [(one["row"], one["got"]) for one in caught.value.details] == [(1, '"no date"')]
