"""Boosted models inside other estimators: pipelines, searches, calibration, stacking, and two libraries of steps.

for name, fit in PIPELINES["imblearn"].items():
    model, X, y = fit()
"""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import BaggingRegressor, StackingClassifier, StackingRegressor, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, StandardScaler

from tests.support import zoo_tables as tables
from tests.support.boosted import FEW, case, iris, library, tumour, two_numbers, words
from tests.support.zoo_steps import calendar

__all__ = ["PIPELINES", "RARE", "UNCOMPILED"]

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
# fmt: off
ENCODERS = (
    "BackwardDifference", "BaseN", "Binary", "CatBoost", "Count", "Gray", "Helmert", "JamesStein", "LeaveOneOut",
    "MEstimate", "OneHot", "Ordinal", "Polynomial", "Quantile", "RankHot", "Sum", "Target", "WOE",
)
# fmt: on
RARE = set(ENCODERS) - {
    "Binary",
    "CatBoost",
    "OneHot",
    "Ordinal",
    "Target",
    "WOE",
}  # only in `make test-boosted`


def xgboost(kind="Classifier", **options):
    return getattr(library("xgboost"), f"XGB{kind}")(**FEW | options)


def lightgbm(kind="Classifier", **options):
    return getattr(library("lightgbm"), f"LGBM{kind}")(**FEW | {"verbosity": -1} | options)


def catboost(kind="Classifier"):
    quiet = {"iterations": 8, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    return getattr(library("catboost"), f"CatBoost{kind}")(**quiet)


def penguins():
    """Texts and numbers, both with holes; the species as 0, 1 or 2."""
    X, y = birds()
    return X, y.astype("category").cat.codes


def birds():
    X, y = tables.penguins()
    return X[::3].reset_index(drop=True), y[::3].reset_index(drop=True)


def adelies():
    X, y = birds()
    return X[["island", "sex", *NUMBERS]], (y == "Adelie").astype(int)


def few_columns():
    X, y = adelies()
    return X[["island", "sex", "bill_length_mm"]], y


def adelie_numbers():
    X, y = adelies()
    return X[NUMBERS], y


def weights():
    X, _ = birds()
    kept = X["body_mass_g"].notna()
    return X[kept][NUMBERS[:3]], X["body_mass_g"][kept]


def whole_weights():
    X, y = weights()
    return X.fillna(X.mean()), y


def harvest():
    X, y = tables.barley()
    return X.astype({"year": "str"}), y


def small_tumour():
    X, y = words(tumour)()
    return X.iloc[:, :3], y


def mixed(model, **options):
    encoder = (OneHotEncoder(handle_unknown="ignore"), ["island", "sex"])
    scaler = (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS)
    return make_pipeline(make_column_transformer(encoder, scaler, **options), model)


def encoded(name, columns=("island", "sex"), **options):
    encoder = getattr(library("category_encoders"), f"{name}Encoder")
    return lambda: make_pipeline(encoder(cols=list(columns), **options), xgboost())


def resampled(*steps):
    return library("imblearn.pipeline").make_pipeline(*steps)


def over_sampler(name="SMOTE"):
    return getattr(library("imblearn.over_sampling"), name)(random_state=0)


def balanced(name):
    return lambda: getattr(library("imblearn.ensemble"), name)(n_estimators=3, random_state=0)


def whole_adelies():
    X, y = adelie_numbers()
    return X.fillna(X.mean()), y


def three():
    return [("x", xgboost()), ("l", lightgbm())]


def grid():
    search = {"xgbclassifier__max_depth": [2, 3]}
    return GridSearchCV(make_pipeline(StandardScaler(), xgboost()), search, cv=2)


def logged():
    import numpy as np

    return TransformedTargetRegressor(xgboost("Regressor"), func=np.log1p, inverse_func=np.expm1)


def sparse_start(*steps):
    return make_pipeline(OneHotEncoder(handle_unknown="ignore"), *steps, xgboost("Regressor"))


PIPELINES = {
    "xgboost": {
        "behind a sparse matrix": case(lambda: mixed(xgboost(), sparse_threshold=1.0), penguins),
        "behind a dense one": case(lambda: mixed(xgboost(), sparse_threshold=0.0), penguins),
        "behind an encoder alone": case(sparse_start, harvest),
        "behind a scaled sparse matrix": case(lambda: sparse_start(MaxAbsScaler()), harvest),
        "searched": case(grid, small_tumour),
        "calibrated": case(lambda: CalibratedClassifierCV(xgboost(), cv=2), small_tumour),
        "calibrated in steps": case(lambda: CalibratedClassifierCV(xgboost(), cv=2, method="isotonic"), small_tumour),
        "one against the rest": case(lambda: OneVsRestClassifier(xgboost()), words(iris)),
        "bagged": case(lambda: BaggingRegressor(xgboost("Regressor"), 3, random_state=0), whole_weights),
        "of a logarithm": case(logged, weights),
    },
    "lightgbm": {
        "words beside numbers": case(
            lambda: make_pipeline(
                make_column_transformer((CountVectorizer(max_features=30), "name"), remainder="passthrough"), lightgbm()
            ),
            tables.airports,
        ),
        "behind a sparse matrix": case(lambda: mixed(lightgbm(), sparse_threshold=1.0), birds),
        "calibrated": case(lambda: CalibratedClassifierCV(lightgbm(), cv=2), small_tumour),
        "two numbers": case(lambda: MultiOutputRegressor(lightgbm("Regressor")), two_numbers),
        "voting": case(lambda: VotingClassifier(three(), voting="soft"), small_tumour),
    },
    "catboost": {
        "behind an encoder": case(lambda: mixed(catboost(), sparse_threshold=0.0), birds),
        "calibrated": case(lambda: CalibratedClassifierCV(catboost(), cv=2), small_tumour),
        "stacked": case(
            lambda: StackingClassifier([*three(), ("c", catboost())], LogisticRegression(), cv=2), small_tumour
        ),
        "stacked, numbers": case(
            lambda: StackingRegressor([("l", lightgbm("Regressor")), ("c", catboost("Regressor"))], cv=2), whole_weights
        ),
    },
    "imblearn": {
        "sampled": case(lambda: resampled(SimpleImputer(), over_sampler(), xgboost()), adelie_numbers),
        "sampled first": case(lambda: resampled(over_sampler("RandomOverSampler"), mixed(lightgbm())), adelies),
        "forest": case(balanced("BalancedRandomForestClassifier"), whole_adelies),
        "bagging": case(balanced("BalancedBaggingClassifier"), whole_adelies),
        "adaptive": case(balanced("RUSBoostClassifier"), whole_adelies),
    },
    "category_encoders": {
        **{name: case(encoded(name), few_columns) for name in ENCODERS},
        "in a column transformer": case(
            lambda: make_pipeline(
                make_column_transformer(
                    (library("category_encoders").TargetEncoder(), ["island", "sex"]), remainder="passthrough"
                ),
                xgboost(),
            ),
            few_columns,
        ),
    },
}

# What no graph reads: served by the libraries themselves.
UNCOMPILED = {
    "category_encoders": {"hashes": case(encoded("Hashing", n_components=4), few_columns)},
    "lightgbm": {
        "linear trees": case(lambda: lightgbm("Regressor", linear_tree=True), weights),
    },
    "xgboost": {
        "dates": case(
            lambda: make_pipeline(
                make_column_transformer((FunctionTransformer(calendar), ["date"]), remainder="passthrough"), xgboost()
            ),
            lambda: (tables.weather()[0], tables.weather()[1].astype("category").cat.codes),
        ),
    },
}
