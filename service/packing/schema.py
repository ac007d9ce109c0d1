"""The columns of a model, learnt from the sample frame, the fitted object, and by asking it.

    columns = learn_columns(frame, known_categories={"city": ["Oslo", "Rome"]}, texts=set())
    columns, unasked = ask(columns, answers, row)    # nullable, accepts_unknown: what the model itself takes

Every sample row counts, never the first only. Whether a column may be missing, and
whether a category may be new, is not guessed from parameters: the model is asked.
"""

import json
import math
from collections import deque
from dataclasses import replace

import numpy as np
import pandas as pd

from ..models.tables.column import Column
from .introspection import plain

__all__ = ["ask", "assumed_columns", "json_rows", "learn_columns"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
UNSEEN = "a category never seen"
QUESTIONS = 128  # predictions that asking may take; enough to ask about each of 64 columns alone
JSON_TYPES = (str, int, float, bool)

# What pandas calls the values of an object column -> our kind.
OBJECT_KINDS = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "empty": "text",
}


def learn_columns(frame, known_categories, texts, labels=None):
    """DataFrame, {column: categories}, the vectorised columns, {column: its label} -> a list of Column.

    Raises ValueError naming the first column that JSON has no values for.
    """
    labels = labels or {}
    return [learn(frame[name], known_categories.get(name), name in texts, labels.get(name)) for name in frame.columns]


def learn(series, categories, vectorised, label):
    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        raise ValueError(f"column {series.name!r} is of the sparse dtype {dtype}; make it dense before fitting")
    common = {
        "name": str(series.name),
        "dtype": "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype),
        "nullable": bool(series.isna().any()),
        "label": label,
    }
    if dtype == "object" and common["nullable"] and any(value is None for value in series):
        common["missing"] = "None"
    if isinstance(dtype, pd.CategoricalDtype):
        found = tuple(plain(value) for value in dtype.categories)
        if not all(isinstance(value, JSON_TYPES) for value in found):
            raise unservable(series, f"categories that are {type(found[0]).__name__}s")
        column = Column(kind="category", categories=found, ordered=bool(dtype.ordered), **common)
    else:
        kind = kind_of(series)
        kept = () if vectorised or kind == "datetime" else tuple(c for c in categories or () if not is_missing(c))
        if kept and all(isinstance(value, JSON_TYPES) for value in kept):
            strange = not set(series.dropna()) <= set(kept)  # then the encoder passes it, as the proof will show
            column = Column(kind="category", categories=kept, accepts_unknown=strange, **common)
        else:
            column = Column(kind=kind, **common)
    return replace(column, statistics=statistics(series))


def unservable(series, what):
    return ValueError(
        f"column {series.name!r} holds {what} (dtype {series.dtype}); JSON has numbers, true/false, text and "
        f"ISO dates: convert the column before fitting"
    )


def kind_of(series):
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
    found = pd.api.types.infer_dtype(series, skipna=True)
    if found not in OBJECT_KINDS:
        raise unservable(series, f"{'values of several kinds' if found.startswith('mixed') else found}")
    return OBJECT_KINDS[found]


def statistics(series):
    """minimum, maximum, quantiles (numbers), missing_rate; nothing of single rows of text."""
    found = {"missing_rate": round(float(series.isna().mean()), 6)}
    present = series.dropna()
    numeric = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)
    if numeric:
        present = present[np.isfinite(present.to_numpy(dtype=float))]
    if numeric and len(present):
        found |= {"minimum": plain(present.min()), "maximum": plain(present.max())}
        quantiles = present.astype(float).quantile(list(QUANTILES))
        found["quantiles"] = {str(q): value for q, value in quantiles.items()}
    elif pd.api.types.is_datetime64_any_dtype(series.dtype) and len(present):
        found |= {"minimum": present.min().isoformat(), "maximum": present.max().isoformat()}
    return json.loads(json.dumps(found))  # fails here, at packing, on anything JSON cannot hold


def assumed_columns(names, known_categories, texts):
    """Without a sample: what the fitted object itself tells; the rest are taken for numbers."""
    columns = []
    for name in names:
        categories = known_categories.get(name)
        if name in texts:
            columns.append(Column(name, "text", "object"))
        elif categories is None:
            columns.append(Column(name, "number", "float64"))
        else:
            kept = tuple(value for value in categories if not is_missing(value))
            numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in kept)
            columns.append(Column(name, "category", "float64" if numeric else "object", categories=kept))
    return columns


def ask(columns, answers, row):
    """Ask the model what it takes; `answers(columns, row)` says whether it can predict that row.

    Returns (columns, the names left unasked): wide tables have more columns than there are
    questions, and what was not asked stays forbidden.
    """
    closed = [place for place, column in enumerate(columns) if not column.nullable]
    columns, first = grant(columns, closed, "nullable", lambda column: None, answers, row)
    closed = [place for place, column in enumerate(columns) if column.kind == "category" and not column.accepts_unknown]
    columns, then = grant(columns, closed, "accepts_unknown", lambda column: unseen(column.categories), answers, row)
    return columns, [columns[place].name for place in [*first, *then]]


def grant(columns, places, right, cell, answers, row):
    """Give `right` to those of the columns in `places` that the model answers with: (columns, places not asked).

    All are tried together, then halves of what failed: columns that the model treats alike
    take one question, not one each.
    """
    waiting, asked = deque([places] if places else []), 0
    while waiting and asked < QUESTIONS:
        group = waiting.popleft()
        trial = list(columns)
        for place in group:
            trial[place] = replace(columns[place], **{right: True})
        asked += 1
        if answers(trial, row | {columns[place].name: cell(columns[place]) for place in group}):
            columns = trial
        elif len(group) > 1:
            half = len(group) // 2
            waiting.extend((group[:half], group[half:]))
    return columns, [place for group in waiting for place in group]


def unseen(categories):
    if all(isinstance(value, str) for value in categories):
        return UNSEEN
    if all(isinstance(value, bool) for value in categories):
        return not categories[0]
    return max(value for value in categories if isinstance(value, int | float)) + 1


def is_missing(value):
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def json_rows(frame):
    """A frame's rows as a caller would send them: a list of {column: JSON value}."""
    cells = [[json_cell(value) for value in frame[name]] for name in frame.columns]
    names = [str(name) for name in frame.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]


def json_cell(value):
    if is_missing(value) or value is pd.NaT:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else plain(value)
