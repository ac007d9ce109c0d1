"""Packing: the contract is learnt from the fitted object and all the rows, and proven on them."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC

from service import models
from service.errors import InvalidInstances, PredictionFailed, StartupError
from service.packing import pack, pack_file
from service.settings import Settings
from service.store.versions import Store
from tests.support.loading import served


def columns(version):
    return {column["name"]: column for column in version.manifest.spec["columns"]}


@pytest.fixture(scope="module")
def people():
    """A table of mixed types with holes, categories and dates, and a label that depends on it."""
    rng = np.random.default_rng(0)
    n = 80
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "pay": np.where(rng.random(n) < 0.2, np.nan, rng.normal(3000, 500, n)),
            "city": rng.choice(["Oslo", "Rome", "Lima"], n),
            "plan": pd.Categorical(rng.choice(["S", "M", "L"], n), categories=["S", "M", "L"], ordered=True),
            "vip": rng.random(n) < 0.3,
        }
    )
    return frame, np.where(frame["age"] + 20 * frame["vip"] > 55, "old", "young")


@pytest.fixture(scope="module")
def mixed_model(people):
    frame, y = people
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        (OrdinalEncoder(), ["plan"]),
        (make_pipeline(SimpleImputer(), StandardScaler()), ["pay"]),
        remainder="passthrough",
    )
    return make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(frame, y)


def test_the_article_s_svm_is_served_by_name_and_in_any_column_order(tmp_path):
    data = load_breast_cancer(as_frame=True)
    labels = data.target.map({0: "malignant", 1: "benign"})
    X = data.data[data.data.columns[::-1]]
    estimator = SVC().fit(X, labels)
    model = served(pack(estimator, X, labels, name="tumour", store=tmp_path))
    rows = data.data.head(40).to_dict("records")
    assert model.predict(rows).predictions == estimator.predict(X.head(40)).tolist()
    scores = model.predict(rows, ["decision_function"]).predictions
    assert scores == pytest.approx(estimator.decision_function(X.head(40)).tolist(), rel=1e-9)


def test_a_mixed_table_is_learnt_from_every_row(tmp_path, people, mixed_model):
    frame, y = people
    version = pack(mixed_model, frame, y, name="people", store=tmp_path)
    learnt = columns(version)
    assert [(name, column["kind"]) for name, column in learnt.items()] == [
        ("age", "integer"),
        ("pay", "number"),
        ("city", "category"),
        ("plan", "category"),
        ("vip", "boolean"),
    ]
    assert learnt["city"]["categories"] == ["Lima", "Oslo", "Rome"]
    assert learnt["plan"]["categories"] == ["S", "M", "L"]
    assert learnt["age"]["minimum"] == frame["age"].min()
    assert learnt["pay"]["missing_rate"] == pytest.approx(frame["pay"].isna().mean())
    assert version.manifest.example["outputs"].keys() == {"predict", "predict_proba", "decision_function"}
    # what the model itself takes: the imputer fills pay, the one-hot encoder passes any city, the ordinal one no plan
    assert learnt["pay"]["nullable"]
    assert not learnt["age"]["nullable"]
    assert learnt["city"]["accepts_unknown"]
    assert "accepts_unknown" not in learnt["plan"]


def test_answers_through_json_are_the_estimator_s_own(tmp_path, people, mixed_model):
    frame, y = people
    model = served(pack(mixed_model, frame, y, name="people", store=tmp_path, runtime="sklearn"))
    rows = [
        {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]
    answer = model.predict(rows, ["predict", "predict_proba"])
    assert answer.predictions == mixed_model.predict(frame).tolist()
    wanted = mixed_model.predict_proba(frame)
    assert [[row["old"], row["young"]] for row in answer.outputs["predict_proba"]] == wanted.tolist()


def test_top_k_keeps_the_most_probable_labels_in_order(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = served(pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="iris", store=tmp_path))
    (best,) = model.predict([X.iloc[60].to_dict()], ["predict_proba"], top_k=2).predictions
    assert len(best) == 2
    assert next(iter(best)) == "1"
    assert list(best.values()) == sorted(best.values(), reverse=True)


def test_a_pipeline_of_texts_takes_bare_strings(tmp_path):
    texts, y = ["good film", "bad film", "good plot", "bad plot"], ["pos", "neg", "pos", "neg"]
    model = served(
        pack(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y), texts, name="t", store=tmp_path)
    )
    assert model.predict(["good", "bad"]).predictions == ["pos", "neg"]
    with pytest.raises(InvalidInstances, match="expected text, got null"):
        model.predict([None])


def test_missing_values_pass_where_the_estimator_itself_takes_them(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = served(pack(HistGradientBoostingClassifier(max_iter=5).fit(X, y), X, name="h", store=tmp_path))
    assert model.predict([[None, None, 1.4, 0.2]]).predictions == [0]


def test_without_a_sample_what_is_assumed_is_said(tmp_path):
    X, y = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "iris.pkl")
    version = pack_file(tmp_path / "iris.pkl", store=tmp_path / "store")
    assert list(columns(version)) == ["x0", "x1", "x2", "x3"]
    assert "taken for numbers; --data tells" in version.manifest.spec["notes"][0]
    assert served(version).predict([[5.1, 3.5, 1.4, 0.2]]).predictions == [0]


def test_the_bytes_of_a_packed_file_are_the_file_s(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    joblib.dump(KMeans(3, n_init=1).fit(X), tmp_path / "k.joblib")
    X.assign(Target=y).to_csv(tmp_path / "data.csv", index=False)
    version = pack_file(tmp_path / "k.joblib", data=tmp_path / "data.csv", target=["Target"], store=tmp_path / "store")
    assert (version.folder / "k.joblib").read_bytes() == (tmp_path / "k.joblib").read_bytes()
    assert version.manifest.spec["task"] == "clusterer"
    with pytest.raises(ValueError, match="has no column 'Label'; its columns are"):
        pack_file(tmp_path / "k.joblib", data=tmp_path / "data.csv", target=["Label"], store=tmp_path / "store")


def test_a_sample_may_be_parquet_with_its_types(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    joblib.dump(LogisticRegression(max_iter=1000).fit(X, y), tmp_path / "iris.pkl")
    X.assign(Target=y).to_parquet(tmp_path / "data.parquet")
    version = pack_file(tmp_path / "iris.pkl", data=tmp_path / "data.parquet", target=["Target"], store=tmp_path / "s")
    assert list(columns(version)) == list(X.columns)
    assert version.manifest.provenance["rows"] == len(X)


def test_what_cannot_answer_for_new_rows_is_refused(tmp_path):
    X, _ = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="can only label the rows it was fitted on"):
        pack(DBSCAN().fit(X), X, name="d", store=tmp_path)


def test_a_sample_that_lacks_a_fitted_column_is_refused(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    estimator = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match="lacks the column 'petal width"):
        pack(estimator, X.iloc[:, :3], name="i", store=tmp_path)


class Steep(LogisticRegression):
    """Raises ValueError where a cell is too large, as estimators do that overflow inside."""

    def predict(self, X):
        if (np.abs(np.asarray(X)) > 1000).any():
            raise ValueError("Input contains infinity")
        return super().predict(X)


class Moody(LogisticRegression):
    """Fails on everything once `broken` is set: a model that is itself at fault."""

    broken = False

    def predict(self, X):
        if self.broken:
            raise ValueError("I am broken")
        return super().predict(X)


def test_a_cell_the_model_cannot_compute_with_is_found_and_named(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = served(pack(Steep(max_iter=1000).fit(X, y), X, name="steep", store=tmp_path))
    rows = [*X.head(5).to_numpy().tolist(), [5, 2000, 1, 3000]]
    with pytest.raises(InvalidInstances) as caught:
        model.predict(rows)
    assert [(one["row"], one["column"]) for one in caught.value.details] == [
        (5, "sepal width (cm)"),
        (5, "petal width (cm)"),
    ]


def test_model_that_fails_on_its_example_answers_500(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = served(pack(Moody(max_iter=1000).fit(X, y), X, name="moody", store=tmp_path))
    model.runtime.estimator.broken = True
    with pytest.raises(PredictionFailed):
        model.predict(X.head(2).to_numpy().tolist())


def test_model_with_another_answer_to_its_example_is_refused_at_load(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    version = pack(LogisticRegression(max_iter=1000).fit(X, y), X, name="iris", store=tmp_path, runtime="sklearn")
    model = models.load(version, Settings())
    model.runtime.estimator.coef_ = -model.runtime.estimator.coef_
    with pytest.raises(StartupError, match="answers its own example with"):
        model.warm_up()


def test_a_payload_that_is_no_pickle_is_refused_at_load(tmp_path):
    X, y = load_iris(return_X_y=True, as_frame=True)
    store = Store(tmp_path)
    version = pack(LogisticRegression(max_iter=1000).fit(X, y), X, name="iris", store=tmp_path, runtime="sklearn")
    with store.adding("bad") as draft:
        (draft.folder / "model.joblib").write_bytes(b"not a pickle")
        draft.manifest = type(version.manifest)("bad", "1", "tabular", draft.digests(), version.manifest.spec)
    with pytest.raises(StartupError, match="cannot be loaded"):
        models.load(store.open("bad"), Settings())
