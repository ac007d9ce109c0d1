"""CSV, whose cells are all text, as columns of the values a model takes.

    read("age,city\\n31,Rome\\n", [{"name": "age", "kind": "number"}, {"name": "city", "kind": "text"}])
    # {"age": [31.0], "city": ["Rome"]}

The kinds are the model's own, as GET /v1/models/<model> lists its columns. A cell that is not a
value of its column's kind stays text, so that the server can say what is wrong with it, and where.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["read"]

MISSING = {"", "NA", "NaN", "nan", "null", "NULL"}
TRUTH = {"true": True, "false": False}


def read(text: str, columns: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """CSV with a header line -> {column: list of cells}; columns the model does not have are kept as text.

    Raises ValueError naming the line that has too few or too many cells.
    """
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header, *rows = [(lines.line_num, cells) for cells in lines if cells] or [(1, [])]
    except csv.Error as error:
        raise ValueError(f"line {lines.line_num}: {error}") from None
    names = header[1]
    if len(set(names)) < len(names):
        raise ValueError("the header names a column twice")
    for number, cells in rows:
        if len(cells) != len(names):
            raise ValueError(f"line {number} has {len(cells)} cells, the header has {len(names)}")
    known = {column["name"]: column for column in columns}
    return {
        name: [value_of(cells[place], known.get(name, {})) for _, cells in rows] for place, name in enumerate(names)
    }


def value_of(cell: str, column: dict[str, Any]) -> Any:
    """One cell as its column's kind has it; "" is a missing value wherever the column may miss one."""
    convert = CONVERT.get(kind_of(column))
    if convert is None:
        return None if cell == "" and column.get("nullable") else cell
    return None if cell in MISSING else convert(cell)


def kind_of(column: dict[str, Any]) -> str | None:
    """The kind of a column, where categories are of the kind of their values."""
    if column.get("kind") != "category":
        return column.get("kind")
    kinds = {type(category) for category in column.get("categories", ())}
    return "text" if str in kinds or not kinds else "boolean" if kinds == {bool} else "number"


def number(cell: str) -> float | str:
    # float() also reads "1_000", "inf" and the digits of other scripts, none of which a file means as a number
    try:
        value = float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        return cell
    return value if math.isfinite(value) else cell


def integer(cell: str) -> float | str:
    value = number(cell)
    return int(cell) if isinstance(value, float) and cell.strip().lstrip("+-").isdigit() else value


CONVERT: dict[str | None, Callable[[str], Any]] = {
    "number": number,
    "integer": integer,
    "boolean": lambda cell: TRUTH.get(cell.lower(), cell),
}
