"""Categories that scikit-learn's encoders do not tell: those of CatBoost, and of category_encoders.

    native_categories(estimator, frame)     # {"city": ["Oslo", "Rome"]}

category_encoders keep what they were fitted on. CatBoost keeps hashes of its categories, not their names, so the sample
tells the names. Where the model knows more of them than the sample has, the column stays one of text: nobody could say
which values are new.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pandas as pd

from .introspection import known_parts, plain
from .translate import Untranslatable
from .translate.catboost_categories import unlisted

__all__ = ["native_categories"]


def native_categories(estimator: Any, frame: pd.DataFrame) -> dict[str, list[Any]]:
    """{column: its categories} of the columns that such a part of the estimator reads as they are."""
    found: dict[str, list[Any]] = {}
    for part, names in known_parts(estimator, list(frame.columns)):
        library = type(part).__module__.partition(".")[0]
        if library == "category_encoders":
            found |= encoded(part, names)
        elif library == "catboost" and part.get_cat_feature_indices():
            found |= hashed(part, {place: names[place] for place in part.get_cat_feature_indices()}, frame)
    return found


def hashed(model: Any, names: dict[int, str], frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Those of a CatBoost model; names: {place of a column that it reads as categories: its name}."""
    listed = {place: categories(frame[name]) for place, name in names.items()}
    with suppress(Untranslatable):
        if all(listed.values()) and not unlisted(model, listed):
            return {names[place]: own for place, own in listed.items()}
    return {}


def categories(series: pd.Series) -> list[Any]:
    """Its distinct texts or whole numbers, sorted; none where it has others."""
    own = series.dropna().unique().tolist()
    return sorted(own) if all(type(each) is str for each in own) or all(type(each) is int for each in own) else []


def encoded(encoder: Any, names: list[str]) -> dict[str, list[Any]]:
    """Those of an encoder of category_encoders; `names` are its columns, which it may have numbered itself."""
    own_names = dict(zip(encoder.feature_names_in_, names, strict=True))
    inner = getattr(encoder, "ordinal_encoder", None) or encoder
    mapped = {each["col"]: each["mapping"] for each in getattr(inner, "category_mapping", None) or ()}
    if not mapped and isinstance(getattr(encoder, "mapping", None), dict):
        mapped = encoder.mapping
    return {own_names[name]: [plain(value) for value in mapping.index] for name, mapping in mapped.items()}
