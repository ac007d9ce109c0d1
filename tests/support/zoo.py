"""The zoo: estimators of every sort, fitted here on real tables, each to be packed and served.

    for animal in animals():
        animal.name, animal.estimator, animal.X, animal.y

Small and quick to train; what they predict is of no interest, only that it is the same
over HTTP as in process.
"""

from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
    clone,
    cluster,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_extraction,
    feature_selection,
    linear_model,
    mixture,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.cross_decomposition import PLSRegression
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union

from tests.support import zoo_tables as tables
from tests.support.zoo_steps import calendar, dates_from_text, floats, lengths

__all__ = ["OTHERS", "Animal", "animals", "missing"]


@dataclass(frozen=True)
class Animal:
    """A fitted estimator, and the rows it was fitted on in the form it was given them.

    `tolerance` is relative, and 0 (bit for bit) wherever the same arithmetic is done in the same order.
    """

    name: str
    estimator: object
    X: object
    y: object = None
    tolerance: float = 0.0

    def fitted(self):
        return replace(self, estimator=self.estimator.fit(self.X, self.y))


def animals(*names):
    """Yield the animals of these names (default: every one), fitted."""
    present = [house for library, house in OTHERS.items() if not missing(library)]
    for house in HOUSES + present:
        for animal in house():
            if not names or animal.name in names:
                yield animal.fitted()


FunctionOf = preprocessing.FunctionTransformer
Logistic = partial(linear_model.LogisticRegression, max_iter=5000)
Forest = partial(ensemble.RandomForestClassifier, n_estimators=8, random_state=0, n_jobs=2)
scaled = partial(make_pipeline, preprocessing.StandardScaler())
# A product of matrices is BLAS's work, and it adds up in another order where the same numbers lie otherwise in
# memory (a DataFrame's by columns, a request's by rows) or more threads share them: the last bits may differ.
LAST_BITS = 1e-9
LAST_BITS_FLOAT32 = 1e-5


def numbers_in_frames():
    X, y = tables.tumour()
    yield Animal("svc", svm.SVC(), X, y)
    yield Animal("forest", Forest(), X, y)
    yield Animal("calibrated", calibration.CalibratedClassifierCV(scaled(svm.LinearSVC()), cv=2), X, y, LAST_BITS)
    three = [
        ("linear", scaled(Logistic())),
        ("tree", tree.DecisionTreeClassifier()),
        ("bayes", naive_bayes.GaussianNB()),
    ]
    yield Animal("voting", ensemble.VotingClassifier(three, voting="soft"), X, y, LAST_BITS)
    yield Animal("stacking", ensemble.StackingClassifier(three, Logistic(), cv=2), X, y, LAST_BITS)
    yield Animal("grid", GridSearchCV(scaled(svm.SVC()), {"svc__C": [0.5, 1]}, cv=2), X, y, LAST_BITS)
    yield Animal(
        "bagging", ensemble.BaggingClassifier(Logistic(), 3, max_features=0.5, random_state=0), X / 100, y, LAST_BITS
    )
    X, y = tables.wine()
    yield Animal("outliers", ensemble.IsolationForest(n_estimators=10, random_state=0), X)
    yield Animal("novelty", scaled(neighbors.LocalOutlierFactor(novelty=True)), X)
    yield Animal("scaler", preprocessing.RobustScaler().set_output(transform="pandas"), X)
    yield Animal("bins", preprocessing.KBinsDiscretizer(3, strategy="uniform"), X)
    chosen = feature_selection.SelectKBest(k=3)
    yield Animal("union", make_union(decomposition.PCA(2, svd_solver="full"), chosen), X, y, LAST_BITS)
    yield Animal(
        "perceptron", scaled(neural_network.MLPClassifier((8,), max_iter=2000, random_state=0)), X, y, LAST_BITS
    )
    yield Animal("discriminant", discriminant_analysis.LinearDiscriminantAnalysis(), X, y, LAST_BITS)
    X, y = tables.iris()
    yield Animal("mixture", mixture.GaussianMixture(3, random_state=0), X, None, LAST_BITS)
    # Names that are not text: scikit-learn forgets them, and the frame must still be the fitted one.
    numbered = X.set_axis(range(4), axis="columns")
    yield Animal("numbered_columns", make_column_transformer((preprocessing.MinMaxScaler(), [0, 2])), numbered)
    several = pd.DataFrame({"wide": X.iloc[:, 1] > 3, "long": X.iloc[:, 0] > 6}).astype(int)
    yield Animal("multilabel", neighbors.KNeighborsClassifier(), X, several)
    yield Animal("multilabel_rest", OneVsRestClassifier(Logistic()), X, several, LAST_BITS)


def numbers_in_arrays():
    X, y = tables.iris()
    X = X.to_numpy()
    yield Animal("knn", neighbors.KNeighborsClassifier(), X, y.to_numpy())
    yield Animal("label_bool", Logistic(), X, (y == "setosa").to_numpy())
    yield Animal(
        "label_float", OneVsRestClassifier(Logistic()), X, y.map({"setosa": 1.0, "virginica": 2.0}).fillna(3.0)
    )
    yield Animal("label_int8", naive_bayes.GaussianNB(), X, (y == "setosa").to_numpy(dtype="int8"))
    kmeans = cluster.KMeans(3, n_init=1, random_state=0)
    yield Animal("kmeans", kmeans, X, None, LAST_BITS)
    yield Animal("kmeans_float32", clone(kmeans), X.astype("float32"), None, LAST_BITS_FLOAT32)
    yield Animal("float32_as_they_are", FunctionOf(), X.astype("float32"))
    X, y = tables.digits()
    yield Animal("pixels", tree.DecisionTreeClassifier(max_depth=6, random_state=0), X, y)
    yield Animal("pixels_as_they_are", FunctionOf(), X)
    yield Animal("svd", decomposition.TruncatedSVD(4, random_state=0), X.astype(float), None, LAST_BITS)
    yield Animal("one_column", linear_model.LinearRegression(), X[:, 20:21].astype(float), y)


def numbers_out():
    X, y = tables.diabetes()
    yield Animal("ridge", linear_model.Ridge(), X, y, LAST_BITS)
    yield Animal("boosting", ensemble.GradientBoostingRegressor(n_estimators=10), X, y)
    two = [("ridge", linear_model.Ridge()), ("tree", tree.DecisionTreeRegressor(max_depth=4))]
    yield Animal("voting_numbers", ensemble.VotingRegressor(two), X, y, LAST_BITS)
    yield Animal("stacking_numbers", ensemble.StackingRegressor(two, cv=2), X, y, LAST_BITS)
    logged = TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1)
    yield Animal("logged_target", logged, X, y, LAST_BITS)
    X, y = tables.linnerud()
    yield Animal("several_numbers", multioutput.MultiOutputRegressor(linear_model.Ridge()), X, y, LAST_BITS)
    yield Animal("forest_of_several", ensemble.RandomForestRegressor(n_estimators=5, random_state=0), X, y)
    yield Animal("least_squares", PLSRegression(2), X, y, LAST_BITS)


def mixed(encoder, model, numbers=None):
    """Categories through `encoder`, numbers filled and scaled, then `model`."""
    filled = numbers or make_pipeline(SimpleImputer(), preprocessing.StandardScaler())
    encoded = make_pipeline(SimpleImputer(strategy="most_frequent"), encoder)
    texts = make_column_selector(dtype_exclude="number")
    columns = make_column_transformer((encoded, texts), (filled, make_column_selector(dtype_include="number")))
    return make_pipeline(columns, model)


def mixed_frames():
    X, y = tables.penguins()
    mass = X["body_mass_g"].fillna(4000)
    lean = X.drop(columns="body_mass_g")
    OneHot, Ordinal = preprocessing.OneHotEncoder, preprocessing.OrdinalEncoder
    yield Animal("one_hot_ignore", mixed(OneHot(handle_unknown="ignore"), Logistic()), X, y)
    yield Animal("one_hot_error", mixed(OneHot(), svm.SVC()), X, y)
    rare = OneHot(handle_unknown="infrequent_if_exist", min_frequency=60)
    yield Animal("one_hot_infrequent", mixed(rare, Forest()), X, y)
    yield Animal("one_hot_missing", make_pipeline(OneHot(handle_unknown="warn")), X[["island", "sex"]])
    ordinal = Ordinal(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    holed = make_column_transformer((ordinal, ["island", "sex"]), remainder="passthrough")
    yield Animal("ordinal", make_pipeline(holed, tree.DecisionTreeClassifier(max_depth=5, random_state=0)), X, y)
    target = preprocessing.TargetEncoder(target_type="continuous", cv=2)
    yield Animal("target_encoder", mixed(target, linear_model.Ridge()), lean, mass)
    yield Animal("iterative", mixed(OneHot(), linear_model.Ridge(), IterativeImputer(max_iter=20, tol=0.1)), lean, mass)
    yield Animal("nearest", mixed(OneHot(), neighbors.KNeighborsClassifier(), KNNImputer()), X, y)
    categories = X.astype({"island": "category", "sex": "category"})
    grown = ensemble.HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    yield Animal("categories_from_dtype", grown, categories, y)
    both = pd.DataFrame({"species": y, "sex": X["sex"].fillna("unknown")})
    yield Animal("two_labels", mixed(OneHot(), Forest()), lean.drop(columns="sex"), both)
    X, y = tables.barley()
    yield Animal("only_categories", OneHot(), X)
    yield Animal("objects", make_pipeline(Ordinal(), linear_model.Ridge()), X.astype(object), y)
    yield Animal(
        "categories_in_an_array", make_pipeline(OneHot(), linear_model.Ridge()), X[["variety", "site"]].to_numpy(), y
    )
    X, y = tables.cars()
    origin = (OneHot(handle_unknown="ignore"), ["Origin"])
    nullable = make_column_transformer(origin, remainder=FunctionOf(floats))
    grown = ensemble.HistGradientBoostingRegressor(max_iter=5)
    yield Animal("nullable_dtypes", make_pipeline(nullable, grown), X.drop(columns="Name"), y)


def words_and_dates():
    text = feature_extraction.text
    X, y = tables.airports()
    yield Animal("tfidf", make_pipeline(text.TfidfVectorizer(max_features=300), Logistic()), X["name"], y)
    hashed = make_pipeline(text.HashingVectorizer(n_features=64), linear_model.SGDClassifier(random_state=0))
    yield Animal("hashing", hashed, X["name"], y)
    beside = make_column_transformer(
        (text.CountVectorizer(max_features=50), "name"), (preprocessing.StandardScaler(), ["latitude", "longitude"])
    )
    yield Animal("counts_beside_numbers", make_pipeline(beside, Logistic()), X, y)
    letters = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), strip_accents="unicode", max_features=200)
    both = make_union(text.CountVectorizer(ngram_range=(1, 2), max_features=200), letters)
    yield Animal("words_and_letters", make_pipeline(both, naive_bayes.ComplementNB()), X["name"], y, 1e-9)
    X, y = tables.eggs()
    notes = make_column_transformer(
        (text.TfidfVectorizer(), "Stage"),
        (FunctionOf(dates_from_text), ["Date Egg"]),
        (FunctionOf(lengths), ["Comments"]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["Clutch Completion", "Sex"]),
        remainder=SimpleImputer(),
    )
    yield Animal("dates_as_text", make_pipeline(notes, Forest()), X, y)
    X, y = tables.weather()
    dated = make_column_transformer((FunctionOf(calendar), ["date"]), remainder="passthrough")
    grown = ensemble.HistGradientBoostingClassifier(max_iter=5)
    yield Animal("dates", make_pipeline(dated, grown), X, y)
    zoned = X.assign(date=X["date"].dt.tz_localize("America/Los_Angeles"))
    yield Animal("dates_with_zone", make_pipeline(dated, grown), zoned, y)
    X, y = tables.riots()
    people = make_column_transformer(
        (FunctionOf(dates_from_text), ["death_date"]),
        (preprocessing.OneHotEncoder(handle_unknown="ignore", max_categories=5), ["gender", "race", "neighborhood"]),
        remainder="passthrough",
    )
    yield Animal("people", make_pipeline(people, tree.DecisionTreeClassifier(max_depth=5, random_state=0)), X, y)


def of_lightgbm():
    import lightgbm

    quiet = {"n_estimators": 5, "verbosity": -1, "random_state": 0}
    X, y = tables.penguins()
    X = X.astype({"island": "category", "sex": "category"})
    yield Animal("lightgbm", lightgbm.LGBMClassifier(**quiet), X, y)
    X, y = tables.diabetes()
    yield Animal("lightgbm_array", lightgbm.LGBMRegressor(**quiet), X.to_numpy(), y)


def of_xgboost():
    import xgboost

    X, y = tables.diabetes()
    yield Animal("xgboost", xgboost.XGBRegressor(n_estimators=5, random_state=0), X, y)
    X, y = tables.iris()
    yield Animal("xgboost_array", xgboost.XGBClassifier(n_estimators=5, random_state=0), X.to_numpy(), y == "setosa")


def missing(library):
    """Why a library of other makers cannot be loaded here, or None; both also want the system's OpenMP."""
    try:
        import_module(library)
    except (ImportError, OSError) as error:
        return f"{library} cannot be loaded: {error}"
    return None


HOUSES = [numbers_in_frames, numbers_in_arrays, numbers_out, mixed_frames, words_and_dates]
OTHERS = {"lightgbm": of_lightgbm, "xgboost": of_xgboost}
