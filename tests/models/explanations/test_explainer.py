"""Explanations of packed models, in process and over the routes: additive, repeatable, beside the other outputs."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC

from service import models
from service.app import create_app
from service.errors import DeadlineExceeded, InvalidParameters, PayloadTooLarge
from service.packing import pack
from service.settings import Settings
from service.store.versions import Store

ROWS = 120


def numbers(columns=8):
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(ROWS, columns)), columns=[f"x{place}" for place in range(columns)])


def people():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, ROWS),
            "pay": np.where(rng.random(ROWS) < 0.2, np.nan, rng.normal(3000, 800, ROWS)),
            "city": rng.choice(["Rome", "Oslo", "Lima"], ROWS),
            "vip": rng.random(ROWS) < 0.5,
            **{f"noise{place}": rng.normal(size=ROWS) for place in range(4)},
        }
    )


def mixed_forest():
    encoded = make_column_transformer((OrdinalEncoder(), ["city"]), remainder="passthrough")
    return make_pipeline(encoded, RandomForestClassifier(n_estimators=2, random_state=0))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """`sum`, `forest` (two targets), `people` and `plain`, the same on scikit-learn, `margins`, `assumed`, `labels`."""
    store, X, table = tmp_path_factory.mktemp("store"), numbers(), people()
    y = X.x0 * 2 - X.x3
    pack(make_pipeline(StandardScaler(), Ridge()).fit(X, y), X, y, name="sum", store=store)
    targets = pd.DataFrame({"height": X.x0 * X.x1, "width": X.x2})
    forest = RandomForestRegressor(n_estimators=5, random_state=0)
    pack(forest.fit(X, targets), X, targets, name="forest", store=store)
    labels = np.where(table.age > 60, "no", np.where(table.vip, "yes", "maybe"))
    model = mixed_forest().fit(table, labels)
    pack(model, table, labels, name="people", store=store)
    pack(model, table, labels, name="plain", store=store, runtime="sklearn")
    three = np.digitize(y, [-1, 1])
    pack(LinearSVC().fit(X, three), X, three, name="margins", store=store)
    pack(Ridge().fit(X, y), name="assumed", store=store)
    encoded = make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop")
    city = make_pipeline(encoded, LogisticRegression()).fit(table, labels)
    pack(city, table, labels, name="city", store=store, runtime="sklearn")
    return store


def opened(store, name):
    version = Store(store).open(name)
    return models.load(version, Settings(store=store)), version.manifest.spec["explanation"]


def records(frame):
    return json.loads(frame.to_json(orient="records", double_precision=15))


def explained(model, rows):
    return model.predict(rows, ["explanation"]).outputs["explanation"]


def check_sums(explanation):
    total = explanation["base"] + sum(explanation["contributions"].values())
    assert total == pytest.approx(explanation["value"], rel=1e-9, abs=1e-9)


def test_a_linear_model_has_a_closed_form(store):
    """w (x - mean) of the background rows: by packing's proof, which the manifest tells."""
    model, described = opened(store, "sum")
    assert described["additive"]["by"] == "Ridge on StandardScaler"
    assert described["additive"]["gap"] < 1e-9
    X = numbers()
    (found,) = explained(model, records(X.iloc[[3]]))
    with Store(store).open("sum").open("background.json") as file:
        background = pd.DataFrame(json.load(file))
    y = X.x0 * 2 - X.x3
    fitted = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    weights = fitted[-1].coef_ / fitted[0].scale_
    expected = weights * (X.iloc[3] - background.mean())
    assert (found["method"], set(found["errors"].values())) == ("closed form", {0.0})
    assert list(found["contributions"].values()) == pytest.approx(list(expected), abs=1e-12)
    check_sums(found)


@pytest.mark.parametrize("name", ["people", "plain"])
def test_categories_and_missing_cells_are_columns(store, name):
    model, described = opened(store, name)
    rows = records(people().iloc[:10])
    assert any(row["pay"] is None for row in rows)
    answer = model.predict(rows, ["explanation", "predict", "predict_proba"])
    assert list(answer.outputs) == ["predict", "predict_proba", "explanation"]
    for row, label, shares, found in zip(rows, *answer.outputs.values(), strict=True):
        assert (found["output"], found["label"], found["method"]) == ("predict_proba", label, "permutations")
        assert found["value"] == pytest.approx(shares[label], abs=1e-12)
        assert list(found["contributions"]) == list(row)
        assert found["background_rows"] == described["rows"] == 100
        check_sums(found)
        assert found["contributions"]["age"] or found["contributions"]["vip"]
    assert explained(model, rows) == answer.outputs["explanation"]  # the same request, the same answer


def test_a_compiled_model_is_explained_as_the_estimator_is(store):
    (compiled, _), (plain, _) = opened(store, "people"), opened(store, "plain")
    assert type(compiled.runtime) is not type(plain.runtime)
    row = records(people().iloc[[5]])
    (ours,), (theirs,) = explained(compiled, row), explained(plain, row)
    assert ours["contributions"] == pytest.approx(theirs["contributions"], abs=1e-9)


def test_several_targets_are_explained_each(store):
    model, _ = opened(store, "forest")
    (found,) = explained(model, records(numbers().iloc[[0]]))
    (values,) = model.predict(records(numbers().iloc[[0]])).predictions
    values = values if isinstance(values, dict) else dict(zip(found, values, strict=True))
    for target, of_target in found.items():
        assert of_target["value"] == pytest.approx(values[target])
        assert "label" not in of_target
        check_sums(of_target)
    assert len(found) == 2


def test_a_margin_is_that_of_the_predicted_class(store):
    model, described = opened(store, "margins")
    assert described["additive"]["by"] == "LinearSVC"
    rows = records(numbers().iloc[:10])
    answer = model.predict(rows, ["predict", "decision_function", "explanation"]).outputs
    assert len(set(answer["predict"])) > 1
    for label, margins, found in zip(*answer.values(), strict=True):
        assert (found["output"], found["label"]) == ("decision_function", str(label))
        assert found["value"] == pytest.approx(margins[str(label)])
        check_sums(found)


def test_columns_that_are_never_read_explain_nothing(store):
    model, _ = opened(store, "city")
    (found,) = explained(model, records(people().iloc[[0]]))
    assert (list(found["contributions"]), found["method"]) == (["city"], "all coalitions")


def test_what_cannot_be_explained_says_why(store):
    model, _ = opened(store, "assumed")
    with pytest.raises(InvalidParameters, match="explains nothing: it was packed without sample rows"):
        model.predict([[0.0] * 8], ["explanation"])
    model, _ = opened(store, "sum")
    with pytest.raises(InvalidParameters, match="expected any of predict, explanation, got"):
        model.predict([[0.0] * 8], ["explain"])
    with pytest.raises(PayloadTooLarge, match="11 rows to explain in one request; at most 10 are explained"):
        model.predict([[0.0] * 8] * 11, ["explanation"])


def test_an_explanation_ends_at_its_deadline(store):
    model, _ = opened(store, "plain")
    with pytest.raises(DeadlineExceeded):
        model.predict(records(people().iloc[[0]]), ["explanation"], deadline=0.0)


def test_every_dialect_whose_requests_choose_outputs_gives_explanations(store):
    client = create_app(Settings(store=store)).test_client()
    row = records(people().iloc[[0]])
    asked = {"instances": row, "outputs": ["explanation"]}
    answer = client.post("/v1/models/people:predict", json=asked).json
    (found,) = answer["outputs"]["explanation"]
    assert answer["predictions"] == [found["label"]]
    check_sums(found)
    csv = client.post("/v1/models/people:predict", json=asked, headers={"Accept": "text/csv"})
    assert csv.status_code == 200, csv.text
    names = csv.text.splitlines()[0].split(",")
    assert {"predict", "explanation.base", "explanation.contributions.age"} <= set(names)
    params = {"outputs": ["predict", "explanation"]}
    (flat,) = client.post("/endpoints/people/invocations", json={"instances": row, "params": params}).json[
        "predictions"
    ]
    assert flat == {"predict": found["label"], "explanation": found}


def test_v2_gives_tensors(store):
    client = create_app(Settings(store=store)).test_client()
    values = numbers().iloc[:2].to_numpy().ravel().tolist()
    tensor = {"name": "x", "shape": [2, 8], "datatype": "FP64", "data": values}
    body = {"inputs": [tensor], "outputs": [{"name": "predict"}, {"name": "explanation"}]}
    answer = client.post("/v2/models/sum/infer", json=body).json
    shapes = {output["name"]: output["shape"] for output in answer["outputs"]}
    assert shapes == {
        "predict": [2],
        "explanation": [2, 8],
        "explanation:errors": [2, 8],
        "explanation:base": [2],
        "explanation:value": [2],
    }
    data = {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in answer["outputs"]}
    assert data["explanation"].sum(axis=1) + data["explanation:base"] == pytest.approx(data["predict"])


def test_the_schema_names_the_output_where_there_is_one(store):
    client = create_app(Settings(store=store)).test_client()
    names = {
        name: client.get(f"/v1/models/{name}/schema").json["properties"]["outputs"]["items"]["enum"]
        for name in ("sum", "assumed")
    }
    assert names == {"sum": ["predict", "explanation"], "assumed": ["predict"]}
