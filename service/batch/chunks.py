"""Some rows of a file, as its reader gives them: what the model is asked, and what is written again.

    chunk.instances(plan)      # a Table of the column plan, or its cells by column, or a list of rows
    chunk.take([0, 2])         # the same rows of the file, as a Table of Arrow

Where the model takes numbers alone and the columns are numbers, they become one array without a Python object for each;
whatever surprises there goes by cells, as a request would.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ..models.tables.column import ABSENT
from ..wire.table_formats.arrow_cells import cells_of_table
from ..wire.table_formats.csv_cells import cells_of
from ..wire.table_formats.csv_dialect import Dialect
from .arrays import integers_of, numbers_of, scalar_of

__all__ = ["Chunk", "Lines", "Rows"]

NUMBERS = ("number", "integer")  # kinds of columns
EMPTY, MISSING = scalar_of(""), scalar_of(None)
Partitions = dict[str, str | None]


@dataclass
class Rows:
    """Rows of a table. dialect: of CSV, whose columns are all texts; None where they have types.

    numbers: each row's place in the file, from 0. rejected: {place in the file: reason} of rows that could not be read.
    """

    table: pa.Table
    numbers: Sequence[int]
    dialect: Dialect | None = None
    partitions: Partitions = field(default_factory=dict)
    rejected: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.table.num_rows

    def instances(self, plan: Any) -> Any:
        """What the model is asked: a Table of the plan where that is quick, else the cells by column."""
        return (plan.reads_numbers and self._array(plan)) or self.cells(plan)

    def cells(self, plan: Any) -> dict[str, list[Any]]:
        """{column: JSON cells}, of the columns that the model reads."""
        columns = {column.name: column for column in plan.columns}
        known = self.table.select([name for name in self.table.column_names if name in columns])
        if self.dialect is None:
            found = dict(cells_of_table(known, columns.values(), math.inf))
        else:
            found = {name: self._typed(known[name].to_pylist(), columns[name]) for name in known.column_names}
        for name, column in columns.items():
            if name not in found and name in self.partitions:
                found[name] = of_partition(self.partitions[name], column) * len(self)
        return found

    def pick(self, cells: dict[str, list[Any]], places: Sequence[int]) -> dict[str, list[Any]]:
        """Of `cells`, these rows."""
        return {name: [values[place] for place in places] for name, values in cells.items()}

    def take(self, places: Sequence[int]) -> pa.Table:
        return self.table if len(places) == len(self) else self.table.take(integers_of(places))

    def _typed(self, cells: list[str], column: Any) -> list[Any]:
        """Cells of CSV as JSON would have them; numbers as this file writes them."""
        assert self.dialect is not None
        if column.kind in NUMBERS and (self.dialect.decimal != "." or self.dialect.thousands):
            cells = list(map(self.dialect.number, cells))
        return cells_of(cells, column)

    def _array(self, plan: Any) -> Any:
        """A Table of the column plan; None where cells have to be looked at."""
        names = set(self.table.column_names)
        if self.dialect is not None and (self.dialect.decimal != "." or self.dialect.thousands):
            return None
        values = np.empty((len(self), len(plan.columns)))
        for place, column in enumerate(plan.columns):
            if column.name in names:
                floats = floats_of(self.table[column.name])
            else:
                floats = of_partition(self.partitions.get(column.name, "-"), column)[0]
            if floats is None or isinstance(floats, str):
                return None
            values[:, place] = floats
        return plan.read_arrays(values, may_miss=True)


class Lines:
    """Rows of JSON lines, each an object. texts: the lines as they stand; those that are no objects are rejected."""

    def __init__(self, texts: Sequence[bytes], numbers: Sequence[int], partitions: Partitions) -> None:
        self.partitions = partitions
        self.objects: list[dict[str, Any]] = []
        self.texts: list[bytes] = []
        self.numbers: list[int] = []
        self.rejected: dict[int, str] = {}
        for number, text in zip(numbers, texts, strict=True):
            try:
                row = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                self.rejected[number] = f"no JSON: {error}: {text[:200].decode(errors='replace').strip()}"
                continue
            if isinstance(row, dict):
                self.objects.append(row)
                self.texts.append(text)
                self.numbers.append(number)
            else:
                self.rejected[number] = f"expected an object, got {text[:200].decode().strip()}"

    def __len__(self) -> int:
        return len(self.objects)

    def instances(self, plan: Any) -> list[list[Any]]:
        return self.cells(plan)

    def cells(self, plan: Any) -> list[list[Any]]:
        """A list of the model's cells for each row."""
        missing = {
            column.name: of_partition(self.partitions[column.name], column)[0]
            for column in plan.columns
            if column.name in self.partitions
        }
        return [[row.get(name, missing.get(name, ABSENT)) for name in plan.names] for row in self.objects]

    def pick(self, cells: list[list[Any]], places: Sequence[int]) -> list[list[Any]]:
        return [cells[place] for place in places]

    def take(self, places: Sequence[int]) -> pa.Table:
        """Raises ArrowInvalid where a column holds values of several types."""
        return pa.Table.from_pylist([self.objects[place] for place in places])


Chunk = Rows | Lines


def of_partition(value: str | None, column: Any) -> list[Any]:
    """The one cell that a folder's name holds."""
    return [None] if value is None else cells_of([value], column)


def floats_of(column: pa.ChunkedArray) -> np.ndarray | None:
    """The numbers of a column as float64, a missing one NaN; None where one may be something else, or lose digits."""
    kind = column.type
    if pa.types.is_string(kind):
        empty = pc.equal(column, EMPTY)
        if pc.any(empty).as_py():
            column = pc.if_else(empty, MISSING, column)
    elif not (pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)):
        return None
    try:
        return numbers_of(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
