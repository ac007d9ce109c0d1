"""Boosted models, each fitted on a real table: what people do with XGBoost, LightGBM and CatBoost.

    for name, fit in BOOSTED["xgboost"].items():
        model, X, y = fit()

Few rounds and one thread: they are fitted for their shapes.
"""

import numpy as np

from tests.support import zoo_tables as tables

__all__ = ["BOOSTED", "FEW", "case", "iris", "library", "tumour", "two_numbers", "words"]

FEW = {"n_estimators": 8, "random_state": 0, "n_jobs": 1}


def holes(X):
    """The frame with every tenth cell missing."""
    return X.mask(np.random.default_rng(0).random(X.shape) < 0.1)


def penguins():
    """Two columns of pandas' categories among numbers with holes; the species as 0, 1 or 2."""
    X, y = tables.penguins()
    return X.astype({"island": "category", "sex": "category"}), y.astype("category").cat.codes


def barley():
    X, y = tables.barley()
    return X.astype({"variety": "category", "site": "category"}), y


def tumour():
    X, y = cells()
    return X, (y == "benign").astype(int)


def cells():
    """Every fourth row of the table, eight of its columns; the labels are words."""
    X, y = tables.tumour()
    return X.iloc[::4, :8].reset_index(drop=True), y[::4].reset_index(drop=True)


def iris():
    X, y = tables.iris()
    return X, y.astype("category").cat.codes


def words(table):
    """A function that gives the table with no spaces in its names."""

    def named():
        X, y = table()
        return X.rename(columns=lambda name: name.replace(" ", "_").strip("()")), y

    return named


def diabetes():
    X, y = tables.diabetes()
    return X[::3].reset_index(drop=True), y[::3].reset_index(drop=True)


def grades():
    """Patients in groups of seven, to be ranked by a grade from 0 to 6."""
    X, y = diabetes()
    return X, (y // 50).astype(int), {"qid": np.arange(len(X)) // 7}


def two_numbers():
    X, y = diabetes()
    return X, np.column_stack([y, X["bmi"]])


def two_labels():
    X, y = diabetes()
    return X, np.column_stack([y > 100, y > 200]).astype(int)


def with_holes():
    X, y = diabetes()
    return holes(X), y


def arrays():
    X, y = diabetes()
    return X.to_numpy(), y.to_numpy()


def case(make, table, **fitting):
    """A function that fits what make() makes: (model, X, y)."""

    def fit():
        X, y, *more = table()
        return make().fit(X, y, **(more[0] if more else {}), **fitting), X, y

    return fit


def xgboost_models():
    def regressor(**options):
        return lambda: library("xgboost").XGBRegressor(**FEW | options)

    def classifier(**options):
        return lambda: library("xgboost").XGBClassifier(**FEW | options)

    sets = {"enable_categorical": True, "max_cat_to_onehot": 1}
    return {
        "numbers": case(regressor(), diabetes),
        "numbers in an array": case(regressor(), arrays),
        "holes": case(regressor(), with_holes),
        "zero is missing": case(regressor(missing=0), lambda: (diabetes()[0].round(), diabetes()[1])),
        "two labels": case(classifier(), tumour),
        "three labels": case(classifier(), iris),
        "hinge": case(classifier(objective="binary:hinge"), tumour),
        "counts": case(regressor(objective="count:poisson"), diabetes),
        "gamma": case(regressor(objective="reg:gamma"), diabetes),
        "quantiles": case(regressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.5]), diabetes),
        "shares": case(regressor(objective="reg:logistic"), lambda: (diabetes()[0], diabetes()[1] / 400)),
        "dropped trees": case(regressor(booster="dart", rate_drop=0.3), diabetes),
        "dropped trees, three labels": case(classifier(booster="dart", rate_drop=0.3), iris),
        "linear": case(regressor(booster="gblinear"), diabetes),
        "linear, three labels": case(classifier(booster="gblinear"), iris),
        "several numbers": case(regressor(), two_numbers),
        "vectors in leaves": case(regressor(multi_strategy="multi_output_tree"), two_numbers),
        "several labels": case(classifier(), two_labels),
        "one hot": case(classifier(enable_categorical=True), penguins),
        "sets of categories": case(classifier(**sets), penguins),
        "sets of categories, numbers": case(regressor(**sets), barley),
        "categories in an array": case(
            regressor(feature_types=["c", "c", "q"], **sets),
            lambda: (barley()[0].apply(lambda column: column.astype("category").cat.codes).to_numpy(), barley()[1]),
        ),
        "forest": case(lambda: library("xgboost").XGBRFClassifier(**FEW), iris),
        "forest of numbers": case(lambda: library("xgboost").XGBRFRegressor(**FEW), diabetes),
        "ranker": case(lambda: library("xgboost").XGBRanker(**FEW), grades),
        "stopped early": stopped_early(
            classifier(n_estimators=200, early_stopping_rounds=2), lambda X, y: {"eval_set": [(X, y)]}, verbose=False
        ),
    }


def lightgbm_models():
    quiet = FEW | {"verbosity": -1}

    def regressor(**options):
        return lambda: library("lightgbm").LGBMRegressor(**quiet | options)

    def classifier(**options):
        return lambda: library("lightgbm").LGBMClassifier(**quiet | options)

    few = {"min_child_samples": 2, "cat_smooth": 1, "min_data_per_group": 2, "max_cat_to_onehot": 1}
    shares = lambda: (diabetes()[0], diabetes()[1] / 400)  # noqa: E731
    return {
        "numbers": case(regressor(), diabetes),
        "numbers in an array": case(regressor(), arrays),
        "holes": case(regressor(), with_holes),
        "holes count as zero": case(regressor(use_missing=False), with_holes),
        "zero is missing": case(regressor(zero_as_missing=True), lambda: (diabetes()[0].round(), diabetes()[1])),
        "labels as words": case(classifier(), words(cells)),
        "three labels": case(classifier(), words(tables.iris)),
        "one against the rest": case(classifier(objective="multiclassova", sigmoid=1.5), words(tables.iris)),
        "counts": case(regressor(objective="poisson"), diabetes),
        "tweedie": case(regressor(objective="tweedie"), diabetes),
        "absolute": case(regressor(objective="regression_l1"), diabetes),
        "root": case(regressor(reg_sqrt=True), diabetes),
        "entropy": case(regressor(objective="cross_entropy"), shares),
        "entropy, lambda": case(regressor(objective="cross_entropy_lambda"), shares),
        "dropped trees": case(regressor(boosting_type="dart"), diabetes),
        "forest": case(
            classifier(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, feature_fraction=0.6),
            words(tables.iris),
        ),
        "sets of categories": case(classifier(**few), penguins),
        "sets of categories, numbers": case(regressor(**few), barley),
        "one hot": case(classifier(), penguins),
        "ranker": case(
            lambda: library("lightgbm").LGBMRanker(**quiet),
            lambda: (*grades()[:2], {"group": np.bincount(grades()[2]["qid"])}),
        ),
        "stopped early": stopped_early(
            classifier(n_estimators=200),
            lambda X, y: {
                "eval_X": X,
                "eval_y": y,
                "callbacks": [library("lightgbm").early_stopping(2, verbose=False)],
            },
        ),
        "nothing learned": case(regressor(min_child_samples=1000), diabetes),
    }


def catboost_models():
    few = {"iterations": 8, "random_seed": 0, "thread_count": 1, "verbose": 0, "allow_writing_files": False}

    def regressor(**options):
        return lambda: library("catboost").CatBoostRegressor(**few | options)

    def classifier(**options):
        return lambda: library("catboost").CatBoostClassifier(**few | options)

    sites = {"cat_features": ["variety", "site"]}
    birds = {"cat_features": ["island", "sex"], "one_hot_max_size": 2}

    def as_words():
        X, y = tables.penguins()
        return X.fillna({"sex": "unknown"}), y

    return {
        "numbers": case(regressor(), diabetes),
        "numbers in an array": case(regressor(), arrays),
        "holes are smallest": case(regressor(), with_holes),
        "holes are largest": case(regressor(nan_mode="Max"), with_holes),
        "labels as words": case(classifier(), words(cells)),
        "three labels": case(classifier(), words(tables.iris)),
        "one against the rest": case(classifier(loss_function="MultiClassOneVsAll"), words(tables.iris)),
        "several numbers": case(regressor(loss_function="MultiRMSE"), two_numbers),
        "several labels": case(classifier(loss_function="MultiLogloss"), two_labels),
        "counts": case(regressor(loss_function="Poisson"), diabetes),
        "by depth": case(regressor(grow_policy="Depthwise"), diabetes),
        "by loss": case(classifier(grow_policy="Lossguide"), words(tables.iris)),
        "without a task": case(lambda: library("catboost").CatBoost(few), diabetes),
        "ranker": case(
            lambda: library("catboost").CatBoostRanker(**few), lambda: (*grades()[:2], {"group_id": grades()[2]["qid"]})
        ),
        "categories": case(regressor(**sites), tables.barley),
        "categories in combinations": case(
            regressor(cat_features=["variety", "site", "year"], max_ctr_complexity=3, iterations=40), tables.barley
        ),
        "categories of pandas": case(regressor(**sites), barley),
        "one hot": case(regressor(one_hot_max_size=50, **sites), tables.barley),
        "buckets": case(classifier(simple_ctr="Buckets", **birds), as_words),
        "means": case(classifier(simple_ctr="BinarizedTargetMeanValue", **birds), as_words),
        "frequencies": case(classifier(simple_ctr="Counter", combinations_ctr="Counter", **birds), as_words),
        "stopped early": stopped_early(
            classifier(iterations=60, early_stopping_rounds=2), lambda X, y: {"eval_set": [(X, y)]}
        ),
    }


def stopped_early(make, judged_by, **options):
    """judged_by(X, y): the arguments of fit for the rows that say when to stop."""

    def fit():
        X, y = words(tumour)()
        return make().fit(X[:100], y[:100], **judged_by(X[100:], y[100:]), **options), X, y

    return fit


def library(name):
    import importlib

    return importlib.import_module(name)


BOOSTED = {"xgboost": xgboost_models(), "lightgbm": lightgbm_models(), "catboost": catboost_models()}
