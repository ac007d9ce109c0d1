"""What a fitted estimator tells of itself: its columns, its encoders' categories, its methods.

fitted_names(estimator)            # ["age", "city"] or None
dict(known_categories(estimator, ["age", "city"]))   # {"city": ["Oslo", "Rome"]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn import base

from ..models.runtimes.graph_reading import WHOLE
from ..models.runtimes.onnx_files import OnnxModel
from ..models.runtimes.sklearn import METHODS, parts

__all__ = [
    "categories_by_column",
    "fitted_names",
    "fitted_width",
    "known_categories",
    "known_parts",
    "last_estimator",
    "methods",
    "plain",
    "takes_arrays",
    "task",
    "text_columns",
    "told_dtypes",
]

MADE_NAMES = ("Column_{}", "{}")  # LightGBM's and CatBoost's, for an array
Inside = tuple[Any, list[str]]  # (a part of an estimator, the input columns it sees)

TASKS = {
    "classifier": base.is_classifier,
    "regressor": base.is_regressor,
    "clusterer": base.is_clusterer,
    "outlier_detector": base.is_outlier_detector,
}


def fitted_names(estimator: Any) -> list[str] | None:
    """The column names of the frame it was fitted on, or None."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(estimator, "feature_names_", None)  # CatBoost's
    if names is None or any(list(names) == [made.format(place) for place in range(len(names))] for made in MADE_NAMES):
        return None
    return [str(name) for name in names]


def takes_arrays(estimator: Any) -> bool:
    """Whether an estimator fitted on a frame can be called with arrays, warning of no missing names.

    Loading removes the names from every part; a part that computes them, as those of other libraries do, keeps
    them and would warn at every call. Nor is an ONNX file with whole numbers beside others, which an array would round.
    """
    if isinstance(estimator, OnnxModel):
        return len({each.dtype for each in estimator.graph.inputs}) == 1
    return not any(
        hasattr(part, "feature_names_in_")
        and "feature_names_in_" not in vars(part)
        and not type(part).__module__.startswith("sklearn.")
        for part in parts(estimator)
    )


def fitted_width(estimator: Any) -> int | None:
    """How many columns it was fitted on, or None (a vectorizer of texts counts none, nor does a CatBoost pickle)."""
    return getattr(estimator, "n_features_in_", None) or len(getattr(estimator, "feature_names_", None) or ()) or None


def last_estimator(estimator: Any) -> Any:
    """What computes the answers: the last step of a pipeline, the best of a search, what is calibrated."""
    while True:
        inner = getattr(estimator, "best_estimator_", None)
        steps = getattr(estimator, "steps", None)
        if inner is None and isinstance(steps, list) and steps:
            inner = next((part for _, part in reversed(steps) if part not in (None, "passthrough")), None)
        if inner is None or inner is estimator:
            return estimator
        estimator = inner


def methods(estimator: Any) -> list[str]:
    """The methods it offers, in the order of METHODS; an ONNX file's by the names of its outputs."""
    if isinstance(estimator, OnnxModel):
        return list(estimator.methods)
    return [method for method in METHODS if callable(getattr(estimator, method, None))]


def task(estimator: Any) -> str:
    """classifier, regressor (of ranks, too), clusterer, outlier_detector or transformer."""
    for name, applies in TASKS.items():
        try:
            if applies(estimator):
                return name
        except (AttributeError, TypeError):  # an object of another library without scikit-learn's tags
            return "classifier" if hasattr(estimator, "classes_") else "regressor"
    return "regressor" if hasattr(estimator, "predict") else "transformer"  # XGBoost's and LightGBM's rankers


def known_categories(estimator: Any, columns: list[str]) -> Iterator[tuple[str, list[Any]]]:
    """Yield (column, categories) for every column that an encoder inside it maps."""
    for part, names in known_parts(estimator, columns):
        for name, categories in zip(names, getattr(part, "categories_", ()), strict=False):
            if len(categories):
                yield name, [plain(category) for category in categories]


def categories_by_column(estimator: Any, columns: list[str]) -> dict[str, list[Any]]:
    """{column: the categories of its encoder} among these columns, whatever their order in the fitted frame."""
    names = fitted_names(estimator) or columns
    return {name: known for name, known in known_categories(estimator, names) if name in columns}


def text_columns(estimator: Any, columns: list[str]) -> set[str]:
    """The columns that a vectorizer of texts reads, or an ONNX file as any text."""
    if isinstance(estimator, OnnxModel):
        return {name for name, text in zip(columns, estimator.texts, strict=False) if text}
    inside = known_parts(estimator, columns)
    return {name for part, names in inside if hasattr(part, "build_analyzer") for name in names}


def told_dtypes(estimator: Any, columns: list[str]) -> dict[str, str]:
    """{column: the dtype in which an ONNX file takes it}, where that is of whole numbers or truth values."""
    if not isinstance(estimator, OnnxModel):
        return {}
    dtypes = [each.dtype for each in estimator.graph.inputs for _ in range(each.width or 0)]
    return {name: dtype for name, dtype in zip(columns, dtypes, strict=False) if dtype in (*WHOLE, "bool")}


def known_parts(estimator: Any, columns: list[str]) -> list[Inside]:
    """What `encoders` finds; nothing where an object of another library uses the names of scikit-learn's attributes."""
    try:
        return list(encoders(estimator, list(columns)))
    except Exception:  # it may hold anything under them; the sample tells the columns then
        return []


def encoders(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    """Yield (innermost part, the input columns it sees unchanged), following the shape of the pipeline."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    for attribute, parts_of in SHAPES.items():
        if hasattr(estimator, attribute):
            for part, names in parts_of(estimator, columns):
                yield from encoders(part, names)
            return
    for part in several_estimators(estimator):
        yield from encoders(part, columns)
    if not has_several(estimator):
        yield estimator, columns


def column_transformer(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    for _, part, chosen in estimator.transformers_:
        if not isinstance(part, str):
            yield part, selected(chosen, columns)


def pipeline(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    """Its steps, as long as the columns stay what they were."""
    for _, part in estimator.steps:
        if part is None or isinstance(part, str) or hasattr(part, "fit_resample"):  # a sampler acts while fitting alone
            continue
        yield part, columns
        if not keeps_columns(part):
            return


def feature_union(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    for _, part in estimator.transformer_list:
        if not isinstance(part, str):
            yield part, columns


def calibrated(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    yield estimator.calibrated_classifiers_[0].estimator, columns


def transformed_target(estimator: Any, columns: list[str]) -> Iterator[Inside]:
    yield estimator.regressor_, columns


# The fitted attribute that tells the shape of an estimator of estimators -> its parts, with the columns each sees.
SHAPES: dict[str, Callable[[Any, list[str]], Iterator[Inside]]] = {
    "transformers_": column_transformer,
    "steps": pipeline,
    "transformer_list": feature_union,
    "calibrated_classifiers_": calibrated,
    "regressor_": transformed_target,
}
PIPELINES = ("steps", "transformers_", "transformer_list", "best_estimator_")


def has_several(estimator: Any) -> bool:
    """Voting, stacking, one estimator a target; not those whose estimators see only some of the columns."""
    several = isinstance(getattr(estimator, "estimators_", None), list)
    return several and not hasattr(estimator, "estimators_features_")


def several_estimators(estimator: Any) -> list[Any]:
    """The estimators of one that has several, where they may hold encoders."""
    if not has_several(estimator):
        return []
    return [part for part in estimator.estimators_ if any(hasattr(part, shape) for shape in PIPELINES)]


def selected(chosen: Any, columns: list[str]) -> list[str]:
    """The columns a ColumnTransformer's selector names: names, positions, a slice or a mask."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, int):
        return [columns[chosen]]
    if isinstance(chosen, slice):
        return columns[chosen]
    chosen = list(chosen)
    if chosen and all(isinstance(item, bool | np.bool_) for item in chosen):
        return [name for name, mask in zip(columns, chosen, strict=True) if mask]
    return [item if isinstance(item, str) else columns[item] for item in chosen]


def keeps_columns(part: Any) -> bool:
    """Whether a step passes on the columns it gets, each in its place and with its own values."""
    return type(part).__name__ == "SimpleImputer" and part.get_feature_names_out().size == part.n_features_in_


def plain(value: Any) -> Any:
    """A numpy scalar as its Python value."""
    return value.item() if isinstance(value, np.generic) else value
