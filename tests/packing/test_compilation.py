"""Compiled models: every family equals scikit-learn on rows it never saw, and a wrong graph never serves."""

import copy
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn import (
    calibration,
    cluster,
    compose,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline, make_union

from service import models
from service.errors import InvalidInstances, StartupError
from service.models.runtimes.onnx import OnnxRuntime
from service.models.runtimes.sklearn import SklearnRuntime
from service.models.tabular import TabularModel
from service.packing import compilation, pack
from service.packing.translate import TRANSLATORS, linear, neighbours
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support.loading import served

ROOT = Path(__file__).parents[2]


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
    return make_pipeline(preprocessing.StandardScaler(), *steps)


Logistic, Tree = linear_model.LogisticRegression, tree.DecisionTreeClassifier
TWO, THREE, NUMBERS = two_classes, three_classes, numbers
SOFT = [("linear", Logistic(max_iter=5000)), ("tree", Tree(max_depth=3, random_state=0))]
RIDGES = [("ridge", linear_model.Ridge()), ("tree", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]
SIX = {"n_estimators": 6, "random_state": 0}

FAMILIES = {
    "logistic, two": (scaled(Logistic()), TWO),
    "logistic, three": (Logistic(max_iter=5000), THREE),
    "logistic by search": (
        linear_model.LogisticRegressionCV(
            Cs=2, max_iter=5000, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False
        ),
        THREE,
    ),
    "neighbours, two": (scaled(neighbors.KNeighborsClassifier()), TWO),
    "neighbours, several": (scaled(neighbors.KNeighborsClassifier(3)), several_labels),
    "neighbours, numbers": (scaled(neighbors.KNeighborsRegressor()), NUMBERS),
    "neighbours, two numbers": (scaled(neighbors.KNeighborsRegressor(algorithm="kd_tree")), several_numbers),
    "linear svc": (scaled(svm.LinearSVC()), THREE),
    "ridge labels": (linear_model.RidgeClassifier(), THREE),
    "stochastic, logistic": (scaled(linear_model.SGDClassifier(loss="log_loss", random_state=0)), THREE),
    "stochastic, two": (scaled(linear_model.SGDClassifier(loss="log_loss", random_state=0)), TWO),
    "perceptron": (scaled(linear_model.Perceptron(random_state=0)), THREE),
    "linear": (linear_model.LinearRegression(), NUMBERS),
    "lasso": (linear_model.Lasso(), NUMBERS),
    "poisson": (scaled(linear_model.PoissonRegressor()), NUMBERS),
    "tweedie": (scaled(linear_model.TweedieRegressor(power=0)), NUMBERS),
    "least squares": (cross_decomposition.PLSRegression(2), several_numbers),
    "discriminant": (discriminant_analysis.LinearDiscriminantAnalysis(), THREE),
    "discriminant, two": (discriminant_analysis.LinearDiscriminantAnalysis(solver="eigen"), TWO),
    "svc": (scaled(svm.SVC()), TWO),
    "svc, three": (svm.SVC(), THREE),
    "svc, pairs": (svm.SVC(decision_function_shape="ovo"), THREE),
    "svc, ties broken": (svm.SVC(break_ties=True), THREE),
    "svc, polynomial": (scaled(svm.SVC(kernel="poly", degree=3, coef0=1.0)), THREE),
    "svc, sigmoid": (scaled(svm.SVC(kernel="sigmoid")), THREE),
    "svc, linear": (svm.SVC(kernel="linear"), THREE),
    "nu svc": (scaled(svm.NuSVC()), THREE),
    "svr": (scaled(svm.SVR(C=100)), NUMBERS),
    "nu svr": (scaled(svm.NuSVR()), NUMBERS),
    "one class": (svm.OneClassSVM(nu=0.2), THREE),
    "tree": (Tree(random_state=0), THREE),
    "tree with holes": (Tree(max_depth=4, random_state=0), holes),
    "tree of one leaf": (Tree(min_samples_leaf=100), THREE),
    "tree, two": (Tree(max_depth=4, random_state=0), TWO),
    "tree, numbers": (tree.DecisionTreeRegressor(max_depth=5, random_state=0), NUMBERS),
    "forest, two": (ensemble.RandomForestClassifier(**SIX), TWO),
    "forest, three": (ensemble.RandomForestClassifier(**SIX), THREE),
    "forest with holes": (ensemble.RandomForestClassifier(**SIX), holes),
    "forest, several labels": (ensemble.RandomForestClassifier(**SIX), several_labels),
    "forest, several numbers": (ensemble.RandomForestRegressor(**SIX), several_numbers),
    "extra trees": (ensemble.ExtraTreesRegressor(**SIX), NUMBERS),
    "boosting, two": (ensemble.GradientBoostingClassifier(**SIX), TWO),
    "boosting, exponential": (ensemble.GradientBoostingClassifier(loss="exponential", **SIX), TWO),
    "boosting, three": (ensemble.GradientBoostingClassifier(**SIX), THREE),
    "boosting, numbers": (ensemble.GradientBoostingRegressor(**SIX), NUMBERS),
    "boosting from nothing": (ensemble.GradientBoostingRegressor(init="zero", **SIX), NUMBERS),
    "histograms, two": (ensemble.HistGradientBoostingClassifier(max_iter=6), TWO),
    "histograms, three": (ensemble.HistGradientBoostingClassifier(max_iter=6), THREE),
    "histograms with holes": (ensemble.HistGradientBoostingClassifier(max_iter=6), holes),
    "histograms, numbers": (ensemble.HistGradientBoostingRegressor(max_iter=6), NUMBERS),
    "histograms, poisson": (ensemble.HistGradientBoostingRegressor(loss="poisson", max_iter=6), NUMBERS),
    "isolation": (ensemble.IsolationForest(**SIX), THREE),
    "isolation, some columns": (ensemble.IsolationForest(max_features=0.5, **SIX), TWO),
    "adaptive, two": (ensemble.AdaBoostClassifier(**SIX), TWO),
    "adaptive, three": (ensemble.AdaBoostClassifier(Tree(max_depth=2), **SIX), THREE),
    "bagging": (ensemble.BaggingClassifier(Logistic(max_iter=5000), 3, max_features=0.5, random_state=0), THREE),
    "bagging, numbers": (ensemble.BaggingRegressor(n_estimators=3, random_state=0), NUMBERS),
    "voting, soft": (ensemble.VotingClassifier(SOFT, voting="soft", weights=[2, 1]), THREE),
    "voting, hard": (ensemble.VotingClassifier(SOFT), THREE),
    "voting, numbers": (ensemble.VotingRegressor(RIDGES), NUMBERS),
    "stacking": (ensemble.StackingClassifier(SOFT, Logistic(max_iter=5000), cv=2), TWO),
    "stacking, passed through": (
        ensemble.StackingRegressor(RIDGES, linear_model.Ridge(), cv=2, passthrough=True),
        NUMBERS,
    ),
    "calibrated": (calibration.CalibratedClassifierCV(scaled(svm.LinearSVC()), cv=2), TWO),
    "calibrated, three": (calibration.CalibratedClassifierCV(scaled(svm.SVC()), cv=2, ensemble=False), THREE),
    "one against the rest": (multiclass.OneVsRestClassifier(Logistic(max_iter=5000)), THREE),
    "one against the rest, trees": (multiclass.OneVsRestClassifier(Tree(max_depth=2, random_state=0)), several_labels),
    "several labels": (multioutput.MultiOutputClassifier(Logistic(max_iter=5000)), several_labels),
    "several numbers": (multioutput.MultiOutputRegressor(linear_model.Ridge()), several_numbers),
    "network": (scaled(neural_network.MLPClassifier((8, 4), max_iter=2000, random_state=0)), THREE),
    "network, two": (scaled(neural_network.MLPClassifier((8,), activation="tanh", max_iter=2000, random_state=0)), TWO),
    "network, several labels": (
        scaled(neural_network.MLPClassifier((8,), max_iter=2000, random_state=0)),
        several_labels,
    ),
    "network, numbers": (
        scaled(
            neural_network.MLPRegressor(
                hidden_layer_sizes=(8,), activation="logistic", solver="lbfgs", max_iter=9000, random_state=0
            )
        ),
        NUMBERS,
    ),
    "gaussian bayes": (naive_bayes.GaussianNB(), THREE),
    "multinomial bayes": (naive_bayes.MultinomialNB(), counts),
    "complement bayes": (naive_bayes.ComplementNB(), counts),
    "bernoulli bayes": (naive_bayes.BernoulliNB(binarize=3.0), THREE),
    "k-means": (cluster.KMeans(3, n_init=1, random_state=0), THREE),
    "mixture": (mixture.GaussianMixture(3, random_state=0), THREE),
    "mixture, tied": (mixture.GaussianMixture(2, covariance_type="tied", random_state=0), THREE),
    "mixture, diagonal": (mixture.GaussianMixture(2, covariance_type="diag", random_state=0), THREE),
    "mixture, round": (mixture.GaussianMixture(2, covariance_type="spherical", random_state=0), THREE),
    "components": (decomposition.PCA(2, whiten=True, svd_solver="full"), THREE),
    "singular values": (decomposition.TruncatedSVD(2, random_state=0), THREE),
    "union": (make_union(decomposition.PCA(2), feature_selection.SelectKBest(k=2), "passthrough"), THREE),
    "robust": (preprocessing.RobustScaler(), holes),
    "between limits": (preprocessing.MinMaxScaler(clip=True), THREE),
    "by the largest": (preprocessing.MaxAbsScaler(), THREE),
    "length 1": (preprocessing.Normalizer(), THREE),
    "length 1, sums": (preprocessing.Normalizer("l1"), THREE),
    "length 1, largest": (preprocessing.Normalizer("max"), THREE),
    "bins": (preprocessing.KBinsDiscretizer(4, strategy="uniform"), THREE),
    "bins, numbered": (preprocessing.KBinsDiscretizer(4, encode="ordinal", strategy="uniform"), THREE),
    "powers": (scaled(preprocessing.PolynomialFeatures(3, interaction_only=True), linear_model.Ridge()), NUMBERS),
    "above": (preprocessing.Binarizer(threshold=3.0), THREE),
    "filled": (impute.SimpleImputer(strategy="median", add_indicator=True), holes),
    "selected": (make_pipeline(feature_selection.VarianceThreshold(0.5), Logistic(max_iter=5000)), THREE),
    "eliminated": (feature_selection.RFE(Logistic(max_iter=5000), n_features_to_select=2), THREE),
    "function": (make_pipeline(preprocessing.FunctionTransformer(np.log1p), linear_model.Ridge()), counts),
    "searched": (model_selection.GridSearchCV(scaled(svm.SVC()), {"svc__C": [0.5, 1]}, cv=2), THREE),
    "logged target": (
        compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log, inverse_func=np.exp),
        NUMBERS,
    ),
    "scaled target": (
        compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()),
        NUMBERS,
    ),
}


def fresh(X, count=60):
    """Rows that no proof has seen: each a mean of two sample rows, moved a little."""
    table, rng = np.asarray(X, dtype=float), np.random.default_rng(99)
    first, second = table[rng.integers(len(table), size=(2, count))]
    share = rng.random((count, 1))
    return first * share + second * (1 - share) + rng.normal(size=first.shape) * 1e-3


def by_scikit_learn(version, estimator):
    """The same version, served by the estimator itself."""
    spec = {key: value for key, value in version.manifest.spec.items() if key != "runtime"}
    runtime = SklearnRuntime.serving(copy.deepcopy(estimator), spec["container"])
    return TabularModel(replace(version.manifest, spec=spec), runtime)


def described(version):
    return version.manifest.spec["runtime"]


def json_ready(rows):
    return [[None if value != value else value for value in row] for row in np.asarray(rows, dtype=float).tolist()]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compiled_family_equals_scikit_learn(tmp_path, family):
    estimator, table = FAMILIES[family]
    X, y = table()
    y = np.unique(y, return_inverse=True)[1] if family == "function" else y
    estimator.fit(X, y)
    version = pack(estimator, X, y, name="m", store=tmp_path)
    told = described(version)
    assert told["name"] == "onnx", told["reason"]
    assert told["measured"] <= told["tolerance"] == 1e-9
    assert told["microseconds"]["onnx"] < told["microseconds"]["sklearn"]
    compiled = served(version)
    reference = by_scikit_learn(version, estimator)
    rows, outputs = json_ready(fresh(X)), list(version.manifest.spec["outputs"])
    found, wanted = (model.predict(rows, outputs).outputs for model in (compiled, reference))
    for output in outputs:
        same(found[output], wanted[output])


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


def test_every_translation_names_a_class_and_a_function_that_exist():
    import importlib

    for name, path in TRANSLATORS.items():
        module, function = path.split(".")
        assert callable(getattr(importlib.import_module(f"service.packing.translate.{module}"), function))
        package, cls = name.rsplit(".", 1)
        if package == "sklearn.feature_extraction":  # the one package that keeps its classes in a module of their own
            package += ".text"
        if not cls.startswith("Halving"):  # scikit-learn hides them until they are asked for
            assert hasattr(importlib.import_module(package), cls), name


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
    estimator = make_pipeline(encode, Logistic(max_iter=2000)).fit(frame, y)
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
    version = pack(scaled(Logistic()).fit(X, y), X, y, name="m", store=tmp_path)
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
    estimator = ensemble.RandomForestClassifier(**SIX).fit(X, y)
    for runtime in ("auto", "sklearn"):
        model = served(pack(estimator, X, y, name=runtime, store=tmp_path, runtime=runtime))
        with pytest.raises(InvalidInstances) as caught:
            model.predict([[5.1, 1e39, 1.4, 0.2]])
        assert [(one["row"], one["column"]) for one in caught.value.details] == [(0, "x1")]


def test_threads_share_a_session_and_never_mix_up_their_rows(tmp_path):
    X, y = numbers()
    model = served(pack(linear_model.LinearRegression().fit(X, y), X, y, name="m", store=tmp_path))
    rows = X[:200].tolist()
    wanted = [model.predict([row]).predictions for row in rows]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda row: model.predict([row]).predictions, rows * 5)) == wanted * 5


def test_a_proof_of_many_rows_is_replayed_where_a_request_may_have_but_one(tmp_path):
    X, y = three_classes()
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    assert len(json.loads((version.folder / "proof.json").read_text())["instances"]) > 30
    served(version, max_rows=1)


def replaced(version, name, content):
    """A version with other bytes in one file and the digests put right: what digests alone cannot see."""
    store = Store(version.folder.parents[1])
    with store.adding("other") as draft:
        for file in version.manifest.files:
            (draft.folder / file).write_bytes((version.folder / file).read_bytes())
        (draft.folder / name).write_bytes(content)
        known = {**vars(version.manifest), "model": "other", "version": draft.version, "files": draft.digests()}
        draft.manifest = Manifest(**known)
    return store.open("other")


def test_a_graph_with_one_wrong_weight_is_refused_at_load(tmp_path):
    X, y = three_classes()
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    graph = onnx.load(version.folder / "model.onnx")
    weights = next(one for one in graph.graph.initializer if len(one.dims) == 2)
    wrong = onnx.numpy_helper.to_array(weights).copy()
    wrong[1, 1] *= 1.0001
    weights.CopyFrom(onnx.numpy_helper.from_array(wrong, weights.name))
    model = models.load(replaced(version, "model.onnx", graph.SerializeToString()), Settings())
    with pytest.raises(StartupError, match="answers its own example with"):
        model.warm_up()


def test_a_graph_that_is_none_is_refused_at_load(tmp_path):
    X, y = three_classes()
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    with pytest.raises(StartupError, match="cannot be loaded"):
        models.load(replaced(version, "model.onnx", b"not a graph"), Settings())


def test_a_wrong_translation_never_serves(tmp_path, monkeypatch):
    X, y = three_classes()
    right = linear.logistic

    def wrong(g, estimator, X):
        return right(g, estimator, X) | {"predict": right(g, estimator, X * 1.01)["predict"]}

    monkeypatch.setattr(linear, "logistic", wrong)
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    told = described(version)
    assert told["name"] == "sklearn"
    assert "predict is" in told["reason"]
    assert set(version.manifest.files) == {"model.joblib", "background.json", "profile.json"}
    assert served(version).predict(X[:3].tolist()).predictions == y[:3].tolist()


class Own(Logistic):
    """A subclass may answer otherwise, so it is never taken for its parent."""


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (Own(max_iter=5000), "Own has no translation"),
        (neighbors.LocalOutlierFactor(novelty=True), "LocalOutlierFactor has no translation"),
        (make_pipeline(preprocessing.FunctionTransformer(np.sin), Logistic()), "FunctionTransformer of sin"),
        (
            neighbors.KNeighborsClassifier(weights="distance"),
            "KNeighborsClassifier with other than uniform weights and Euclidean distance",
        ),
        (neighbors.KNeighborsClassifier(), "predict_proba is 0.2 where scikit-learn says 0.4"),  # equally far
    ],
    ids=str,
)
def test_what_is_not_compiled_says_why(tmp_path, estimator, reason):
    X, y = three_classes()
    version = pack(estimator.fit(X, y), X, y, name="m", store=tmp_path)
    assert described(version)["name"] == "sklearn"
    assert described(version)["reason"] == f"scikit-learn serves it because {reason}"
    served(version)


def test_many_rows_are_computed_in_calls_that_memory_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "CELLS", 7 * 150)
    X, y = three_classes()
    estimator = scaled(neighbors.KNeighborsClassifier()).fit(X, y)
    version = pack(estimator, X, y, name="m", store=tmp_path)
    assert described(version)["at_once"] == 7
    found = served(version).predict(X.tolist(), ["predict", "predict_proba"]).outputs
    assert found["predict"] == estimator.predict(X).tolist()
    assert [list(row.values()) for row in found["predict_proba"]] == estimator.predict_proba(X).tolist()


def test_what_gains_nothing_stays_with_scikit_learn(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "WORTHWHILE", 1e9)
    X, y = three_classes()
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    assert described(version)["reason"] == "scikit-learn serves it because compiled it is hardly faster"
    assert described(version)["microseconds"].keys() == {"sklearn", "onnx"}
    assert set(version.manifest.files) == {"model.joblib", "background.json", "profile.json"}


def test_scikit_learn_can_be_asked_for_and_nothing_is_proven_without_rows(tmp_path):
    X, y = three_classes()
    estimator = Logistic(max_iter=5000).fit(X, y)
    asked = pack(estimator, X, y, name="a", store=tmp_path, runtime="sklearn")
    assert described(asked)["reason"] == "scikit-learn serves it because it was packed so"
    blind = pack(estimator, name="b", store=tmp_path)
    assert "without sample rows" in described(blind)["reason"]
    with pytest.raises(ValueError, match="no runtime is called 'fast'; there are auto, sklearn"):
        pack(estimator, X, y, name="c", store=tmp_path, runtime="fast")


def test_a_manifest_that_wants_an_unknown_runtime_is_refused(tmp_path):
    X, y = three_classes()
    version = pack(Logistic(max_iter=5000).fit(X, y), X, y, name="m", store=tmp_path)
    described(version)["name"] = "abacus"
    with pytest.raises(StartupError, match="wants the runtime 'abacus'; this service knows onnx, sklearn"):
        models.load(version, Settings())


def test_a_number_that_is_missing_is_not_too_large():
    from service.packing.translate.onnx_graph import Graph

    g = Graph(2)
    graph = g.model({"transform": g.input + 1.0}).SerializeToString()
    runtime = OnnxRuntime(graph, {"targets": {"transform": None}, "classes": None, "largest": 10.0, "at_once": None})
    assert runtime.run([[np.nan, 2.0]], ["transform"])["transform"].tolist()[0][1] == 3.0
    for wrong in (11.0, -11.0):
        with pytest.raises(ValueError, match="a number larger than 10"):
            runtime.run([[np.nan, wrong]], ["transform"])


@pytest.mark.parametrize("value", [1e160, -1e307])
def test_kernel_far_from_its_vectors_equals_scikit_learn(tmp_path, value):
    X, y = three_classes()
    estimator = svm.SVC().fit(X, y)
    model = served(pack(estimator, X, y, name="m", store=tmp_path))
    row = [5.1, value, 1.4, 0.2]
    found = model.predict([row], ["decision_function", "predict"]).outputs
    with np.errstate(all="ignore"):
        scores = dict(zip(estimator.classes_.tolist(), estimator.decision_function([row])[0].tolist(), strict=True))
        same(found["decision_function"], [scores])
        same(found["predict"], estimator.predict([row]).tolist())
