"""Columns that a model never reads: rows need not have them, and they keep nothing from compiling."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from service.errors import InvalidInstances
from service.packing import pack
from service.wire.table_formats import decode
from service.wire.v1.json_schema import row_schema
from tests.support.loading import served


def never_read(version):
    return [column["name"] for column in version.manifest.spec["columns"] if column.get("unread")]


@pytest.fixture
def customers():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "id": [f"c{place}" for place in range(80)],
            "age": rng.integers(18, 90, 80),
            "city": rng.choice(["Oslo", "Rome"], 80),
            "joined": pd.date_range("2024-01-01", periods=80),
            "note": rng.choice(["good", "late", None], 80),
            "pay": rng.normal(3000, 500, 80),
        }
    )
    return X, np.where(X["age"] > 50, "old", "young")


def churn(X, y, **options):
    kept = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["age", "pay"]), **options)
    return make_pipeline(kept, LogisticRegression()).fit(X, y)


def test_dropped_columns_are_not_asked_for_and_keep_nothing_from_compiling(tmp_path, customers):
    """A churn pipeline with two texts that it never read was served by scikit-learn, 300 times as slowly."""
    X, y = customers
    model = churn(X, y)
    version = pack(model, X, y, name="churn", store=tmp_path)
    assert never_read(version) == ["id", "joined", "note"]
    assert version.manifest.spec["runtime"]["name"] == "onnx"
    assert list(version.manifest.example["instances"][0]) == ["age", "city", "pay"]
    answering, wanted = served(version), model.predict(X).tolist()
    for rows in (
        X[["age", "city", "pay"]].to_dict("records"),
        X[["age", "city", "pay"]].to_numpy().tolist(),
        X.assign(joined="whenever").to_dict("records"),
        X.assign(joined=None).to_numpy().tolist(),
        {name: X[name].tolist() for name in ("pay", "city", "age")},
    ):
        answer = answering.predict(rows)
        assert answer.predictions == wanted
        assert answer.warnings == ()
    body = X.to_csv(index=False).encode()
    assert answering.predict(decode("text/csv", body, answering.plan.columns, 99, 2**20)).predictions == wanted
    with pytest.raises(InvalidInstances, match='column "age"'):
        answering.predict([{"city": "Oslo", "pay": 1.0}])


def test_scikit_learn_gets_the_columns_it_counts(tmp_path, customers):
    X, y = customers
    version = pack(churn(X, y), X, y, name="churn", store=tmp_path, runtime="sklearn")
    answering = served(version)
    rows = X[["age", "city", "pay"]].to_dict("records")
    assert (
        answering.predict(rows).predictions
        == served(pack(churn(X, y), X, y, name="o", store=tmp_path)).predict(rows).predictions
    )
    assert row_schema(version.manifest.spec["columns"])["required"] == ["age", "city", "pay"]


def test_columns_dropped_by_place_of_an_array_and_inside_a_search_are_found(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    pipeline = make_pipeline(make_column_transformer((StandardScaler(), [0, 2])), LogisticRegression())
    model = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2).fit(X, X[:, 0] > 0)
    version = pack(model, X, name="m", store=tmp_path)
    assert never_read(version) == ["x1", "x3"]
    answering = served(version)
    assert answering.predict(X.tolist()).predictions == model.predict(X).tolist()
    assert answering.predict(X[:, [0, 2]].tolist()).predictions == model.predict(X).tolist()


def ages(frame):
    return frame[["age"]].to_numpy()


def test_a_function_of_the_owner_s_that_takes_some_columns_is_found_by_asking(tmp_path, customers):
    X, y = customers
    model = make_pipeline(FunctionTransformer(ages), DecisionTreeClassifier()).fit(X, y)
    version = pack(model, X, y, name="m", store=tmp_path)
    assert never_read(version) == ["id", "city", "joined", "note", "pay"]
    assert served(version).predict([{"age": 70}, {"age": 20}]).predictions == ["old", "young"]


def test_a_column_of_no_importance_is_read_all_the_same(tmp_path):
    """No tree splits on a constant column; but a text in it would be refused, and so would one column less."""
    X = pd.DataFrame({"a": np.arange(60.0), "same": 1.0})
    version = pack(RandomForestClassifier(3, random_state=0).fit(X, X["a"] > 30), X, name="m", store=tmp_path)
    assert never_read(version) == []


def test_what_is_passed_through_is_read(tmp_path, customers):
    X, y = customers
    X = X[["age", "city", "pay"]].assign(extra=1.0)
    version = pack(churn(X, y, remainder="passthrough"), X, y, name="m", store=tmp_path)
    assert never_read(version) == []
