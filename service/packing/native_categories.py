"""Columns that a model itself reads as categories, without an encoder: CatBoost's.

    native_categories(estimator, frame)     # {"city": ["Oslo", "Rome"]}

CatBoost keeps hashes of its categories, not their names, so the sample tells the names. Where the model knows more of
them than the sample has, the column stays one of text: nobody could say which values are new.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd

from .introspection import known_parts
from .translate import Untranslatable
from .translate.catboost_categories import unlisted

__all__ = ["native_categories"]


def native_categories(estimator: Any, frame: pd.DataFrame) -> dict[str, list[Any]]:
    """{column: the categories it has in the sample}, of models whose categories are all there."""
    found: dict[str, list[Any]] = {}
    for part, names in known_parts(estimator, list(frame.columns)):
        if type(part).__module__.partition(".")[0] != "catboost" or not part.get_cat_feature_indices():
            continue
        by_place = {place: categories(frame[names[place]]) for place in part.get_cat_feature_indices()}
        with suppress(Untranslatable):
            if all(by_place.values()) and not unlisted(part, by_place):
                found |= {names[place]: own for place, own in by_place.items()}
    return found


def categories(series: pd.Series) -> list[Any]:
    """Its distinct texts or whole numbers, sorted; none where it has others."""
    own = series.dropna().unique().tolist()
    return sorted(own) if all(type(each) is str for each in own) or all(type(each) is int for each in own) else []
