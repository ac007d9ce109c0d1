"""The columns of a model: learned from the sample frame, from the fitted object, and by asking the model.

    columns = learn_columns(frame, known_categories={"city": ["Oslo", "Rome"]}, texts=set())
    columns, not_asked = ask(columns, predicts, row)     # sets nullable and accepts_unknown

Every sample row counts, never the first only. Whether a cell may be missing, and whether a category may be new, is not
guessed from parameters: the model is asked.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from ..models.tables.column import Column
from .introspection import plain

__all__ = ["QUESTIONS", "Row", "ask", "assumed_columns", "json_rows", "learn_columns", "unseen"]

Row = dict[str, Any]  # {column: JSON value}
Predicts = Callable[[list[Column], Row], bool]  # whether the model takes a row, with these columns

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
UNSEEN = "a category never seen"
QUESTIONS = 128  # predictions that `ask` may use; enough to ask about each of 64 columns alone
JSON_TYPES = (str, int, float, bool)

# What pandas calls the values of an object column -> the column's kind.
OBJECT_KINDS = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "empty": "text",
}


def learn_columns(
    frame: pd.DataFrame, known_categories: dict[str, list[Any]], texts: set[str], labels: dict[str, Any] | None = None
) -> list[Column]:
    """A frame, {column: categories}, the vectorized columns, {column: its own name} -> its columns.

    Raises ValueError naming the first column that JSON has no values for.
    """
    labels = labels or {}
    return [learn(frame[name], known_categories.get(name), name in texts, labels.get(name)) for name in frame.columns]


def learn(series: pd.Series, categories: list[Any] | None, vectorized: bool, label: Any) -> Column:
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        raise ValueError(f"column {series.name!r} is of the sparse dtype {dtype}; make it dense before fitting")
    common: dict[str, Any] = {
        "name": str(series.name),
        "dtype": "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype),
        "nullable": bool(series.isna().any()),
        "label": label,
    }
    if dtype == "object" and common["nullable"] and any(value is None for value in series):
        common["missing"] = "None"
    if isinstance(dtype, pd.CategoricalDtype):
        categories_of_dtype = tuple(plain(value) for value in dtype.categories)
        if not all(isinstance(value, JSON_TYPES) for value in categories_of_dtype):
            raise unservable(series, f"categories that are {type(categories_of_dtype[0]).__name__}s")
        column = Column(kind="category", categories=categories_of_dtype, ordered=bool(dtype.ordered), **common)
    else:
        kind = kind_of(series)
        known = () if vectorized or kind == "datetime" else tuple(c for c in categories or () if not is_missing(c))
        if known and all(isinstance(value, JSON_TYPES) for value in known):
            unknown = not set(series.dropna()) <= set(known)  # then the encoder accepts it, as the proof will show
            column = Column(kind="category", categories=known, accepts_unknown=unknown, **common)
        else:
            column = Column(kind=kind, **common)
    return replace(column, statistics=statistics(series))


def unservable(series: pd.Series, what: str) -> ValueError:
    return ValueError(
        f"column {series.name!r} holds {what} (dtype {series.dtype}); JSON has numbers, true/false, text and "
        f"ISO dates: convert the column before fitting"
    )


def kind_of(series: pd.Series) -> str:
    dtype = series.dtype
    if pd.api.types.is_complex_dtype(dtype):
        raise unservable(series, "complex numbers")
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):
        return "integer"
    if pd.api.types.is_float_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "datetime"
    inferred = pd.api.types.infer_dtype(series, skipna=True)
    if inferred not in OBJECT_KINDS:
        raise unservable(series, "values of several kinds" if inferred.startswith("mixed") else inferred)
    return OBJECT_KINDS[inferred]


def statistics(series: pd.Series) -> dict[str, Any]:
    """minimum, maximum, quantiles (numbers), missing_rate; no text of single rows."""
    values: dict[str, Any] = {"missing_rate": round(float(series.isna().mean()), 6)}
    present = series.dropna()
    numeric = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)
    if numeric:
        present = present[np.isfinite(present.to_numpy(dtype=float))]
    if numeric and len(present):
        values |= {"minimum": plain(present.min()), "maximum": plain(present.max())}
        quantiles = present.astype(float).quantile(list(QUANTILES))
        values["quantiles"] = {str(q): value for q, value in quantiles.items()}
    elif pd.api.types.is_datetime64_any_dtype(series.dtype) and len(present):
        values |= {"minimum": present.min().isoformat(), "maximum": present.max().isoformat()}
    return json.loads(json.dumps(values))  # fails here, at packing, for a value that JSON cannot hold


def assumed_columns(
    names: Iterable[str], known_categories: dict[str, list[Any]], texts: set[str], dtypes: dict[str, str]
) -> list[Column]:
    """The columns without a sample: what the fitted object tells; all others are assumed to be numbers.

    dtypes: {column: of whole numbers or truth values}.
    """
    columns = []
    for name in names:
        categories = known_categories.get(name)
        if name in texts:
            columns.append(Column(name, "text", "object"))
        elif name in dtypes:
            columns.append(Column(name, "boolean" if dtypes[name] == "bool" else "integer", dtypes[name]))
        elif categories is None:
            columns.append(Column(name, "number", "float64"))
        else:
            known = tuple(value for value in categories if not is_missing(value))
            numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
            columns.append(Column(name, "category", "float64" if numeric else "object", categories=known))
    return columns


def ask(columns: list[Column], predicts: Predicts, row: Row) -> tuple[list[Column], list[str]]:
    """Learn from the model whether cells may be missing, and categories new.

    Returns (columns, the names of those not asked about): wide tables have more columns than there are questions, and
    a column that was not asked about takes neither.
    """
    closed = [place for place, column in enumerate(columns) if not column.nullable and not column.unread]
    columns, missing = grant(columns, closed, "nullable", lambda column: None, predicts, row)
    closed = [place for place, column in enumerate(columns) if asks_for_new(column)]
    columns, unknown = grant(
        columns, closed, "accepts_unknown", lambda column: unseen(column.categories or ()), predicts, row
    )
    return columns, [columns[place].name for place in [*missing, *unknown]]


def asks_for_new(column: Column) -> bool:
    return column.kind == "category" and not column.accepts_unknown and not column.unread


def grant(
    columns: list[Column],
    places: list[int],
    right: str,
    cell: Callable[[Column], Any],
    predicts: Predicts,
    row: Row,
) -> tuple[list[Column], list[int]]:
    """Set the field `right` of the columns in `places` with which the model predicts: (columns, places not asked).

    All are tried together, then halves of what failed: columns that the model treats alike take one question, not
    one each.
    """
    waiting, questions = deque([places] if places else []), 0
    while waiting and questions < QUESTIONS:
        group = waiting.popleft()
        trial = list(columns)
        for place in group:
            trial[place] = replace(columns[place], **{right: True})  # type: ignore[arg-type]  # a name of a bool field
        questions += 1
        if predicts(trial, row | {columns[place].name: cell(columns[place]) for place in group}):
            columns = trial
        elif len(group) > 1:
            half = len(group) // 2
            waiting.extend((group[:half], group[half:]))
    return columns, [place for group in waiting for place in group]


def unseen(categories: Iterable[Any]) -> Any:
    """A category that is none of these, of their type."""
    categories = tuple(categories)
    if all(isinstance(value, str) for value in categories):
        return UNSEEN
    if all(isinstance(value, bool) for value in categories):
        return not categories[0]
    return next(number for number in count() if number not in categories)  # one that any dtype of theirs can hold


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def json_rows(frame: pd.DataFrame) -> list[Row]:
    """A frame's rows as a client would send them."""
    cells = [[json_cell(value) for value in frame[name]] for name in frame.columns]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def json_cell(value: Any) -> Any:
    if is_missing(value) or value is pd.NaT:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else plain(value)
