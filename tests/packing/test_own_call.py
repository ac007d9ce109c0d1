"""The proof compares with what a model's owner calls: all rows in their container, one alone, in another order."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from service import models
from service.errors import InvalidInstances
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store
from tests.support import loading


class AbsentIsMissing(RegressorMixin, BaseEstimator):
    """Takes what a sparse matrix does not hold for missing, as XGBoost does."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.inner_ = HistGradientBoostingRegressor(max_iter=5).fit(self.filled(X), y)
        return self

    def filled(self, X):
        if not sparse.issparse(X):
            return X
        cells = np.full(X.shape, np.nan)
        coo = X.tocoo()
        cells[coo.row, coo.col] = coo.data
        return cells

    def predict(self, X):
        return self.inner_.predict(self.filled(X))


class Own(RegressorMixin, BaseEstimator):
    """An estimator whose answers are those of a function of the rows."""

    def __init__(self, function=None):
        self.function = function

    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X):
        return self.function(np.asarray(X))


class Labels(ClassifierMixin, Own):
    """The same with labels."""


def centered(X):
    return X[:, 0] - X[:, 0].mean()


def previous(X):
    return np.concatenate([[0.0], X[:-1, 0]])


def top_half(X):
    return X[:, 0] >= np.median(X[:, 0])


def squeezed(X):
    return X[:, 0].squeeze()[()]


def noisy(X):
    return np.random.default_rng().normal(size=len(X))


def scored(X):
    return [{"class": "a", "score": float(row[0])} for row in X]


def served(version):
    model = loading.served(version, threads=4)
    model.optimize(Settings(threads=4))
    return model


METHODS = ["predict", "predict_proba", "decision_function"]
X = np.random.default_rng(0).normal(size=(60, 3))


def test_a_model_fitted_on_a_sparse_matrix_answers_as_it_does_for_one(tmp_path):
    """An XGBoost model answered 4.96 in process and 2.05 served: absent cells were sent to it as zeros."""
    cells = sparse.csr_matrix(np.random.default_rng(0).integers(0, 3, (300, 4)).astype(float))
    model = AbsentIsMissing().fit(cells, np.asarray(cells[:, 0].todense()).ravel() == 0)
    version = pack(model, cells, name="m", store=tmp_path)
    assert version.manifest.spec["container"] == "sparse"
    rows = cells[:20].toarray()
    assert served(version).predict(rows.tolist()).predictions == pytest.approx(model.predict(cells[:20]).tolist())
    assert model.predict(rows).tolist() != pytest.approx(model.predict(cells[:20]).tolist())


def test_a_model_that_takes_zeros_and_absent_cells_alike_is_called_with_arrays(tmp_path):
    cells = sparse.csr_matrix(np.random.default_rng(0).integers(0, 3, (50, 4)).astype(float))
    version = pack(Ridge().fit(cells, np.arange(50.0)), cells, name="m", store=tmp_path)
    assert version.manifest.spec["container"] == "array"


@pytest.mark.parametrize(
    ("function", "how"), [(centered, "asked alone"), (previous, "in another order"), (top_half, "asked alone")]
)
def test_a_model_whose_rows_depend_on_their_neighbors_says_so_in_every_answer(tmp_path, function, how):
    """Scaling by the rows of the request itself was packed as proven, and wrong for every single row."""
    version = pack(Own(function).fit(X), X, name="m", store=tmp_path)
    assert version.manifest.spec["rows_depend"]
    assert any(how in note for note in version.manifest.spec["notes"])
    model = served(version)
    assert not hasattr(model.runtime, "runtime")  # requests of several callers never share a call
    assert "depends on the other rows" in model.predict(X[:2].tolist()).warnings[0]


def test_labels_that_depend_on_neighbors_are_found_beside_scores_that_do_not(tmp_path):
    class Quota(LogisticRegression):
        def predict(self, X):
            scores = self.decision_function(X)
            return self.classes_[(scores >= np.median(scores)).astype(int)]

    global Quota_  # pickled by its name
    Quota.__qualname__, Quota_ = "Quota_", Quota
    Quota.__name__ = "Quota_"
    version = pack(Quota_().fit(X, X[:, 0] > 0), X, name="m", store=tmp_path)
    assert version.manifest.spec["rows_depend"]


@pytest.mark.parametrize(
    "estimator", [KNeighborsClassifier(4), LogisticRegression(max_iter=1000), SVC()], ids=lambda e: type(e).__name__
)
def test_ordinary_models_do_not_depend_on_neighbors(tmp_path, estimator):
    data, y = load_iris(return_X_y=True)
    version = pack(estimator.fit(data, y), data, name="m", store=tmp_path)
    assert "rows_depend" not in version.manifest.spec
    assert served(version).predict(data[:2].tolist()).warnings == ()


def test_a_model_that_answers_otherwise_each_time_is_refused(tmp_path):
    with pytest.raises(ValueError, match="otherwise each time it is asked"):
        pack(Own(noisy).fit(X), X, name="m", store=tmp_path)
    assert Store(tmp_path).models() == []


def test_a_row_s_answer_may_be_an_object_and_one_row_s_bare(tmp_path):
    version = pack(Own(scored).fit(X), X, name="objects", store=tmp_path)
    assert version.manifest.spec["outputs"]["predict"]["dtype"] == "object"
    assert served(version).predict([[1.5, 0, 0]]).predictions == [{"class": "a", "score": 1.5}]
    model = served(pack(Own(squeezed).fit(X), X, name="bare", store=tmp_path))
    assert model.predict([[1.5, 0, 0]]).predictions == [1.5]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.array([b"no", b"yes"]), ["no", "yes"]),
        (np.array(["2024-01-01", "2024-02-01"], "datetime64[ns]"), ["2024-01-01T00:00:00", "2024-02-01T00:00:00"]),
        (np.array(["2024-01-01", "2024-02-01"], "datetime64[D]"), ["2024-01-01T00:00:00", "2024-02-01T00:00:00"]),
    ],
    ids=["bytes", "nanoseconds", "days"],
)
@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
def test_labels_are_spelled_alike_in_predictions_and_as_keys(tmp_path, labels, told, runtime):
    """Labels of bytes ended packing with a traceback; those of dates had nanoseconds for keys."""
    y = labels[(X[:, 0] > 0).astype(int)]
    model = KNeighborsClassifier(3).fit(X, y)
    version = pack(model, X, name="m", store=tmp_path, runtime=runtime)
    answer = served(version).predict(X.tolist(), ["predict", "predict_proba"])
    assert set(answer.predictions) == set(told)
    assert list(answer.outputs["predict_proba"][0]) == told


def test_bytes_that_are_no_text_are_refused_in_a_sentence(tmp_path):
    y = np.array([b"\xff", b"\xfe"])[(X[:, 0] > 0).astype(int)]
    with pytest.raises(ValueError, match="bytes that are no UTF-8 text"):
        pack(KNeighborsClassifier(3).fit(X, y), X, name="m", store=tmp_path)
    assert Store(tmp_path).models() == []


def test_decision_functions_of_several_labels_are_keyed_and_those_of_pairs_are_not(tmp_path):
    data, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    outputs = pack(SVC().fit(data, names), data, name="ovr", store=tmp_path).manifest.spec["outputs"]
    assert outputs["decision_function"]["labels"] == ["setosa", "versicolor", "virginica"]
    pairs = SVC(decision_function_shape="ovo").fit(data, names)  # three pairs of three labels
    outputs = pack(pairs, data, name="ovo", store=tmp_path).manifest.spec["outputs"]
    assert "labels" not in outputs["decision_function"]


def test_several_targets_keep_their_names_in_every_output(tmp_path):
    y = pd.DataFrame({"low": X[:, 0] < 0, "high": X[:, 1] > 1})
    model = served(pack(MultiOutputClassifier(LogisticRegression()).fit(X, y), X, y, name="m", store=tmp_path))
    answer = model.predict(X[:1].tolist(), ["predict", "predict_proba"])
    assert list(answer.predictions[0]) == list(answer.outputs["predict_proba"][0]) == ["low", "high"]
    each = OneVsRestClassifier(LogisticRegression()).fit(X, y.astype(int))
    outputs = served(pack(each, X, y, name="o", store=tmp_path)).predict(X[:1].tolist(), METHODS).outputs
    assert [list(outputs[method][0]) for method in METHODS] == [["low", "high"]] * 3
    numbers = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    model = served(pack(LinearRegression().fit(X, numbers), X, numbers, name="r", store=tmp_path))
    assert model.predict(X[:1].tolist()).predictions == [pytest.approx({"a": X[0, 0], "b": X[0, 1]})]


def test_none_stays_none_for_a_model_that_was_fitted_on_none(tmp_path):
    """pandas made NaN of it on the way, and the imputer of None found nothing to impute."""
    cells = np.empty((60, 2), dtype=object)
    cells[:, 0], cells[:, 1] = ["a", "b", None] * 20, range(60)
    fill = SimpleImputer(missing_values=None, strategy="constant", fill_value="none")
    model = make_pipeline(fill, FunctionTransformer(lengths)).fit(cells)
    version = pack(model, cells, name="m", store=tmp_path)
    assert served(version).predict([[None, 2]]).predictions == model.transform(cells[2:3]).tolist()


def lengths(cells):
    return np.array([[len(str(cell)) for cell in row] for row in cells], dtype=float)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_a_sample_of_another_library_keeps_its_types(tmp_path, library):
    tables = pytest.importorskip(library)
    columns = {"age": [31, None, 44] * 10, "city": ["Oslo", None, "Rome"] * 10}
    table = tables.DataFrame(columns) if library == "polars" else tables.table(columns)
    version = pack(Own(first_lengths).fit(np.zeros((1, 2))), table, name="m", store=tmp_path)
    kinds = {column["name"]: (column["kind"], column["nullable"]) for column in version.manifest.spec["columns"]}
    assert kinds == {"age": ("number", True), "city": ("text", True)}


def first_lengths(cells):
    return np.array([len(str(row[1])) for row in cells], dtype=float)


def test_targets_with_unlike_numbers_of_labels_are_asked_one_row_alone(tmp_path):
    """Their probabilities are a list of arrays of unlike widths, which is not one array."""
    iris = load_iris()
    targets = np.column_stack([iris.target, iris.target > 1])
    version = pack(DecisionTreeClassifier().fit(iris.data, targets), iris.data, targets, name="m", store=tmp_path)
    assert "predict_proba" in version.manifest.spec["outputs"]


IDS = [2**53 + 1, 2**53 + 2, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("runtime", ["auto", "sklearn"])
def test_ids_of_64_bits_stay_themselves_beside_a_missing_one(tmp_path, runtime):
    """A hole makes floats of a column of whole numbers, and of 2**53 + 1 its neighbour."""
    X = pd.DataFrame({"id": IDS * 3})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    estimator = make_pipeline(encoder, DecisionTreeRegressor()).fit(X, [1.0, 2.0, 3.0, 4.0] * 3)
    version = pack(estimator, X, name="m", store=tmp_path, runtime=runtime)
    model = models.load(version, Settings())
    answers = model.predict([*([one] for one in IDS), [None], [5]], ["predict"]).outputs["predict"]
    assert answers[:4] == [1.0, 2.0, 3.0, 4.0]
    # The parser of JSON makes the nearest float of a whole number below those of 64 bits.
    with pytest.raises(InvalidInstances, match=r"got -9\.22"):
        model.predict([[float(-(2**63))]], ["predict"])
