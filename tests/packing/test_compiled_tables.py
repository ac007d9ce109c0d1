"""Compiled models of mixed tables: they take, answer and refuse what the model itself does, in the same words."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import compose, ensemble, impute, preprocessing
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from service.errors import InvalidInstances
from service.packing import pack
from tests.support.compiled import described, json_ready, same, scaled, three_classes, two_classes
from tests.support.loading import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    n = 150
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "pay": np.where(rng.random(n) < 0.2, np.nan, rng.normal(3000, 500, n)),
            "city": rng.choice(["Oslo", "Rome", "Lima", None], n),
            "plan": pd.Categorical(rng.choice(["S", "M", "L"], n), categories=["S", "M", "L"], ordered=True),
            "vip": rng.random(n) < 0.3,
            "children": rng.choice([0, 1, 2, 3], n),
        }
    )
    return frame, np.where(frame["age"] + 20 * frame["vip"] > 55, "old", "young")


@pytest.fixture(scope="module")
def mixed(people, tmp_path_factory):
    """The same mixed model twice, as its graph and as itself."""
    frame, y = people
    encode = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city", "children"]),
        (preprocessing.OrdinalEncoder(), ["plan"]),
        (make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ["pay"]),
        remainder="passthrough",
    )
    estimator = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(frame, y)
    store = tmp_path_factory.mktemp("mixed")
    return [pack(estimator, frame, y, name=kind, store=store, runtime=kind) for kind in ("auto", "sklearn")]


ROW = {"age": 31, "pay": 2900.5, "city": "Rome", "plan": "M", "vip": True, "children": 2}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"pay": None},
        {"city": None},
        {"city": "Paris"},
        {"city": "nan"},
        {"city": ""},
        {"children": 7},
        {"vip": False},
    ],
    ids=str,
)
def test_a_compiled_mixed_table_takes_and_answers_what_the_model_does(mixed, change):
    compiled, reference = map(served, mixed)
    assert (described(mixed[0])["name"], described(mixed[1])["name"]) == ("onnx", "sklearn")
    outputs = list(reference.outputs)
    found, wanted = (model.predict([ROW | change], outputs) for model in (compiled, reference))
    same(found.outputs, wanted.outputs)
    assert found.warnings == wanted.warnings


@pytest.mark.parametrize("change", [{"plan": "XL"}, {"plan": None}, {"age": "31"}, {"age": 1.5}, {"vip": 1}], ids=str)
def test_a_compiled_mixed_table_refuses_in_the_same_words(mixed, change):
    said = []
    for version in mixed:
        with pytest.raises(InvalidInstances) as caught:
            served(version).predict([ROW | change])
        said.append((str(caught.value), caught.value.details))
    assert said[0] == said[1]


def test_worker_of_compiled_models_imports_neither_scikit_learn_nor_pandas(mixed):
    code = (
        "import json, sys\n"
        "from service import models\n"
        "from service.settings import Settings\n"
        "from service.store.versions import Store\n"
        "model = models.load(Store(sys.argv[1]).open('auto'), Settings())\n"
        "model.warm_up()\n"
        "model.predict([json.loads(sys.argv[2])], list(model.outputs))\n"
        "found = {'sklearn', 'pandas', 'scipy', 'joblib', 'onnx', 'torch'} & set(sys.modules)\n"
        "sys.exit(f'imported: {found}' if found else 0)\n"
    )
    ran = [sys.executable, "-c", code, str(mixed[0].folder.parents[1]), json.dumps(ROW)]
    done = subprocess.run(ran, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("labels", [[False, True], [1.0, 2.0], [-3, 7], ["no", "yes"]], ids=str)
def test_labels_keep_their_type(tmp_path, labels):
    X, y = two_classes()
    y = np.array(labels)[(y == "benign").to_numpy(dtype=int)]
    version = pack(scaled(LogisticRegression()).fit(X, y), X, y, name="m", store=tmp_path)
    assert described(version)["name"] == "onnx"
    found = served(version).predict(json_ready(X.head(30))).predictions
    assert {type(one) for one in found} == {type(labels[0])}
    assert found == y[:30].tolist()


def test_categories_of_a_category_dtype_reach_the_histograms(tmp_path, people):
    frame, y = people
    frame = frame.astype({"city": "category"})
    grown = ensemble.HistGradientBoostingClassifier(max_iter=10, categorical_features="from_dtype").fit(frame, y)
    version = pack(grown, frame, y, name="m", store=tmp_path)
    assert described(version)["name"] == "onnx", described(version)["reason"]
    model = served(version)
    rows = [ROW | {"city": city, "plan": plan} for city in ("Rome", "Lima", None) for plan in "SML"]
    table = pd.DataFrame(rows).astype({"city": frame["city"].dtype, "plan": frame["plan"].dtype})
    found = [row["old"] for row in model.predict(rows, ["predict_proba"]).predictions]
    assert found == pytest.approx(grown.predict_proba(table)[:, 0].tolist(), rel=1e-9)


def test_numbers_beyond_float32_are_refused_for_trees_as_by_scikit_learn(tmp_path):
    X, y = three_classes()
    estimator = ensemble.RandomForestClassifier(n_estimators=6, random_state=0).fit(X, y)
    for runtime in ("auto", "sklearn"):
        model = served(pack(estimator, X, y, name=runtime, store=tmp_path, runtime=runtime))
        with pytest.raises(InvalidInstances) as caught:
            model.predict([[5.1, 1e39, 1.4, 0.2]])
        assert [(one["row"], one["column"]) for one in caught.value.details] == [(0, "x1")]
