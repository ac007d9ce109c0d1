"""Every family of estimators that is compiled equals scikit-learn on rows it never saw."""

import copy
from dataclasses import replace

import numpy as np
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
from sklearn.pipeline import make_pipeline, make_union

from service.models.runtimes.sklearn import SklearnRuntime
from service.models.tabular import TabularModel
from service.packing import pack
from service.packing.translate import TRANSLATORS
from tests.support.compiled import (
    counts,
    described,
    holes,
    json_ready,
    numbers,
    same,
    scaled,
    several_labels,
    several_numbers,
    three_classes,
    two_classes,
)
from tests.support.loading import served

Logistic, Tree = linear_model.LogisticRegression, tree.DecisionTreeClassifier
TWO, THREE, NUMBERS = two_classes, three_classes, numbers
SIX = {"n_estimators": 6, "random_state": 0}
SOFT = [("linear", Logistic(max_iter=5000)), ("tree", Tree(max_depth=3, random_state=0))]
RIDGES = [("ridge", linear_model.Ridge()), ("tree", tree.DecisionTreeRegressor(max_depth=3, random_state=0))]

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
