"""Tables in every usual form, and texts -> the JSON that the server takes.

    table([{"age": 31}])                   # {"instances": [{"age": 31}]}
    table({"age": [31, 44]})               # {"inputs": {"age": [31, 44]}}
    dump(table(frame))                     # bytes; NaN, NaT and NA are null, dates ISO 8601 strings

Neither pandas nor numpy is imported: their objects are recognized by their attributes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["dump", "listed", "table", "without_none"]


def table(rows: Any) -> dict[str, Any]:
    """Rows -> {"instances": list of rows} or {"inputs": {column: list}}.

    rows: a list (or another iterable, or a 2-D array) of dicts or of lists in the order of the model's
    columns; one dict, or Series, for one row; a dict of columns; a dict of {index: value}, as
    `DataFrame.to_json()` writes it; or a DataFrame. Raises TypeError for anything else.
    """
    if hasattr(rows, "columns"):
        return {"inputs": frame_columns(rows)}
    if hasattr(rows, "to_dict"):
        rows = rows.to_dict()
    if isinstance(rows, dict):
        return table_of_dict(rows)
    if hasattr(rows, "tolist"):
        rows = rows.tolist()
    if isinstance(rows, (str, bytes)) or not hasattr(rows, "__iter__"):
        raise TypeError(f"rows are a list of rows, a dict or a DataFrame, not {type(rows).__name__}")
    return {"instances": list(rows)}


def frame_columns(frame: Any) -> dict[str, list[Any]]:
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        duplicates = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the DataFrame has several columns named {', '.join(map(repr, duplicates))}")
    return {str(name): frame[name].to_list() for name in frame.columns}


def table_of_dict(rows: dict[Any, Any]) -> dict[str, Any]:
    values = rows.values()
    if rows and all(isinstance(value, dict) for value in values):
        index = dict.fromkeys(key for column in values for key in column)
        return {"inputs": {str(name): [column.get(key) for key in index] for name, column in rows.items()}}
    if any(is_column(value) for value in values):
        return {"inputs": {str(name): list(value) if is_column(value) else value for name, value in rows.items()}}
    return {"instances": [rows]}


def is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict))


def dump(value: Any) -> bytes:
    """Values -> JSON, as bytes. Raises ValueError for an infinity, TypeError for an object of an unknown type."""
    try:
        return encode(value)
    except (ValueError, TypeError):  # a NaN, or a key that is no str; searching for them first would slow every table
        pass
    try:
        return encode(with_nulls(value))
    except (ValueError, RecursionError):
        raise ValueError("the rows hold an infinity, or themselves, neither of which JSON can") from None


def encode(value: Any) -> bytes:
    return json.dumps(value, default=json_value, allow_nan=False, separators=(",", ":")).encode()


def with_nulls(value: Any) -> Any:
    """The same values with None for every NaN and with every key as str."""
    if isinstance(value, dict):
        return {str(key): with_nulls(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_nulls(item) for item in value]
    if isinstance(value, float):
        return None if value != value else value
    return value if value is None or isinstance(value, (str, int)) else with_nulls(json_value(value))


def json_value(value: Any) -> Any:
    """A value that json cannot encode as one that it can. Raises TypeError."""
    type_name = type(value).__name__
    if type_name == "NAType" or (type_name in ("NaTType", "datetime64", "Decimal") and value != value):
        return None
    if type_name == "datetime64":  # tolist() would return nanoseconds
        return str(value)
    if type_name == "Decimal":
        return float(value)
    for convert in ("isoformat", "to_dict", "tolist"):
        if hasattr(value, convert):
            return getattr(value, convert)()
    raise TypeError(f"{value!r} is a {type_name}; cells are numbers, texts, truth values, dates or None")


def listed(texts: str | Iterable[str]) -> list[str]:
    """One text as a list of one. Raises TypeError for what is no text."""
    found = [texts] if isinstance(texts, str) else list(texts)
    for text in found:
        if not isinstance(text, str):
            raise TypeError(f"a text is a str, not {type(text).__name__}")
    return found


def without_none(options: dict[str, Any]) -> dict[str, Any]:
    """The options that the caller gave; the server has defaults for the others."""
    return {name: value for name, value in options.items() if value is not None}
