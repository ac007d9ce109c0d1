"""What a fitted estimator knows by itself: its columns, its encoders' categories, its methods.

fitted_names(estimator)            # ["age", "city"] or None
dict(known_categories(estimator, ["age", "city"]))   # {"city": ["Oslo", "Rome"]}
"""

import numpy as np
from sklearn import base

from ..models.runtimes.sklearn import METHODS, parts

__all__ = [
    "fitted_names",
    "fitted_width",
    "known_categories",
    "methods",
    "plain",
    "takes_arrays",
    "task",
    "text_columns",
]

TASKS = {
    "classifier": base.is_classifier,
    "regressor": base.is_regressor,
    "clusterer": base.is_clusterer,
    "outlier_detector": base.is_outlier_detector,
}


def fitted_names(estimator):
    """The column names of the frame it was fitted on, or None."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or list(names) == [f"Column_{place}" for place in range(len(names))]:
        return None  # the names LightGBM makes up for an array
    return [str(name) for name in names]


def takes_arrays(estimator):
    """Whether an estimator fitted on a frame can be called with arrays, warning of no missing names.

    Loading takes the names from every part; a part that computes them (those of other
    libraries do) keeps them, and would warn at every call.
    """
    return not any(
        hasattr(part, "feature_names_in_")
        and "feature_names_in_" not in vars(part)
        and not type(part).__module__.startswith("sklearn.")
        for part in parts(estimator)
    )


def fitted_width(estimator):
    """How many columns it was fitted on, or None (a vectoriser of texts counts none)."""
    return getattr(estimator, "n_features_in_", None)


def methods(estimator):
    """The methods it offers, in the order of METHODS."""
    return [method for method in METHODS if callable(getattr(estimator, method, None))]


def task(estimator):
    """classifier, regressor, clusterer, outlier_detector or transformer."""
    for name, applies in TASKS.items():
        try:
            if applies(estimator):
                return name
        except (AttributeError, TypeError):  # an object of another library without scikit-learn's tags
            return "classifier" if hasattr(estimator, "classes_") else "regressor"
    return "transformer"


def known_categories(estimator, columns):
    """Yield (column, categories) for every column that an encoder inside maps; columns are names."""
    for part, names in encoders(estimator, list(columns)):
        for name, categories in zip(names, getattr(part, "categories_", ()), strict=False):
            yield name, [plain(category) for category in categories]


def text_columns(estimator, columns):
    """The columns that a vectoriser of texts reads."""
    return {
        name for part, names in encoders(estimator, list(columns)) if hasattr(part, "build_analyzer") for name in names
    }


def encoders(estimator, columns):
    """Yield (innermost part, the input columns it sees unchanged), following the shape of the pipeline."""
    inner = getattr(estimator, "best_estimator_", estimator)
    if hasattr(inner, "transformers_"):  # ColumnTransformer
        for _, part, chosen in inner.transformers_:
            if not isinstance(part, str):
                yield from encoders(part, selected(chosen, columns))
    elif hasattr(inner, "steps"):  # Pipeline: as long as the columns stay what they were
        for _, part in inner.steps:
            if part is None or isinstance(part, str):
                continue
            yield from encoders(part, columns)
            if not keeps_columns(part):
                return
    elif hasattr(inner, "transformer_list"):  # FeatureUnion
        for _, part in inner.transformer_list:
            if not isinstance(part, str):
                yield from encoders(part, columns)
    elif hasattr(inner, "calibrated_classifiers_"):
        yield from encoders(inner.calibrated_classifiers_[0].estimator, columns)
    elif hasattr(inner, "regressor_"):  # TransformedTargetRegressor
        yield from encoders(inner.regressor_, columns)
    elif isinstance(getattr(inner, "estimators_", None), list) and not hasattr(inner, "estimators_features_"):
        for part in inner.estimators_:  # Voting, Stacking, one a target; not those that see some columns only
            if any(hasattr(part, shape) for shape in SHAPES):
                yield from encoders(part, columns)
    else:
        yield inner, columns


SHAPES = ("steps", "transformers_", "transformer_list", "best_estimator_")


def selected(chosen, columns):
    """The columns a ColumnTransformer's selector names: names, positions, a slice or a mask."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, int):
        return [columns[chosen]]
    if isinstance(chosen, slice):
        return columns[chosen]
    chosen = list(chosen)
    if chosen and all(isinstance(one, bool | np.bool_) for one in chosen):
        return [name for name, kept in zip(columns, chosen, strict=True) if kept]
    return [one if isinstance(one, str) else columns[one] for one in chosen]


def keeps_columns(part):
    """Whether a step hands on the columns it got, each in its place and with its own values."""
    return type(part).__name__ == "SimpleImputer" and part.get_feature_names_out().size == part.n_features_in_


def plain(value):
    """A numpy scalar as its Python value."""
    return value.item() if isinstance(value, np.generic) else value
