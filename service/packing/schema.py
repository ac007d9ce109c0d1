"""The columns of a model, learnt from the sample frame, the fitted object, and by asking it.

    columns = learn_columns(sample, known_categories={"city": ["Oslo", "Rome"]}, texts=set())
    columns = ask(columns, plan_of, works, row)    # nullable, accepts_unknown: what the model itself takes

Every sample row counts, never the first only. Whether a column may be missing, and
whether a category may be new, is not guessed from parameters: the model is asked.
"""

import json
import math
from dataclasses import replace

import pandas as pd

from service.cells import Column
from service.packing.inspect import plain

__all__ = ["ask", "assumed_columns", "json_rows", "learn_columns"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
UNSEEN = "a category never seen"

# What pandas calls the values of an object column -> our kind.
OBJECT_KINDS = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "empty": "text",
}


def learn_columns(sample, known_categories, texts):
    """DataFrame, {column: categories} and the vectorised columns -> a list of Column."""
    return [learn(sample[name], known_categories.get(name), name in texts) for name in sample.columns]


def learn(series, categories, vectorised):
    dtype = series.dtype
    nullable = bool(series.isna().any())
    common = {
        "name": str(series.name),
        "dtype": dtype_name(dtype),
        "nullable": nullable,
        "statistics": statistics(series),
    }
    if dtype == "object" and nullable and any(value is None for value in series):
        common["missing"] = "None"
    if isinstance(dtype, pd.CategoricalDtype):
        found = tuple(plain(value) for value in dtype.categories)
        return Column(kind="category", categories=found, ordered=bool(dtype.ordered), **common)
    if categories is not None and not vectorised:
        kept = tuple(value for value in categories if not is_missing(value))
        return Column(kind="category", categories=kept, **common)
    return Column(kind=kind_of(series), **common)


def kind_of(series):
    dtype = series.dtype
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
        raise ValueError(
            f"column {series.name!r} holds {found} values of dtype {dtype}; JSON has numbers, true/false, text and "
            f"ISO dates: convert the column before fitting"
        )
    return OBJECT_KINDS[found]


def dtype_name(dtype):
    return "category" if isinstance(dtype, pd.CategoricalDtype) else str(dtype)


def statistics(series):
    """minimum, maximum, quantiles (numbers), missing_rate; nothing of single rows of text."""
    found = {"missing_rate": round(float(series.isna().mean()), 6)}
    present = series.dropna()
    numeric = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)
    if numeric and len(present):
        found |= {"minimum": plain(present.min()), "maximum": plain(present.max())}
        found["quantiles"] = {str(q): float(present.quantile(q)) for q in QUANTILES}
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
    """Ask the model what it takes: `answers(columns, row)` says whether it can predict that row."""
    asked = []
    for column in columns:
        trial = replace(column, nullable=True, statistics=column.statistics)
        others = [trial if one is column else one for one in columns]
        if not column.nullable and answers(others, row | {column.name: None}):
            column = trial
        if column.kind == "category":
            trial = replace(column, accepts_unknown=True, statistics=column.statistics)
            others = [trial if one.name == column.name else one for one in columns]
            if answers(others, row | {column.name: unseen(column.categories)}):
                column = trial
        asked.append(column)
    return asked


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
