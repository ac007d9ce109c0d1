"""The categories that gradient-boosted trees keep of the frame they were fitted on.

    categories_of(estimator, ["age", "city"])       # {"city": ["Bonn", "Oslo", "Rome"]}

LightGBM and XGBoost read columns of pandas' dtype "category", and refuse texts where they were fitted on such. The
fitted model still knows the categories, so a sample that has lost the dtype, as every CSV has, can be given it again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pandas as pd

from ..models.runtimes.sklearn import parts

__all__ = ["categories_of", "with_categories"]


def categories_of(estimator: Any, names: list[str]) -> dict[str, list[Any]]:
    """{column: its categories, in the order of their codes} of the trees in an estimator that see these columns."""
    found: dict[str, list[Any]] = {}
    for part in parts(estimator):
        read = READERS.get(type(part).__module__.partition(".")[0])
        if read is None:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                listed = dict(read(part))
        except Exception:  # another release of the library, or a model without any: the proof decides
            continue
        if all(place < len(names) for place in listed):
            found |= {names[place]: categories for place, categories in listed.items()}
    return found


def of_lightgbm(part: Any) -> Iterator[tuple[int, list[Any]]]:
    booster = part.booster_
    places = booster.params.get("categorical_column", booster.params.get("categorical_feature", ()))
    categories = booster.pandas_categorical or []
    if len(places) == len(categories):  # the owner may have named others, whose codes are numbers
        yield from zip(map(int, places), categories, strict=True)


def of_xgboost(part: Any) -> Iterator[tuple[int, list[Any]]]:
    booster = part.get_booster()
    names = booster.feature_names or []
    for name, categories in booster.get_categories(export_to_arrow=True).to_arrow():
        if categories is not None:
            yield names.index(name), categories.to_pylist()


READERS = {"lightgbm": of_lightgbm, "xgboost": of_xgboost}


def with_categories(frame: pd.DataFrame, categories: dict[str, list[Any]]) -> pd.DataFrame:
    """The frame with these columns of the dtype "category", where all their cells are among the categories."""
    changed = {
        name: pd.Categorical(frame[name], categories=known)
        for name, known in categories.items()
        if name in frame.columns and frame[name].dtype != "category" and set(frame[name].dropna()) <= set(known)
    }
    return frame.assign(**changed) if changed else frame
