"""A model's table and its answers as numbers, for those who count them: float64 [rows, features].

    numbers = TableNumbers(plan, [place of each column that is wanted])
    numbers.read(table.values)

A missing cell is NaN. Of n categories, the k-th is k, a missing one n, any other n + 1, as in a compiled model's array.
A text is its length in characters, a date 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .column import Column
from .output import Output
from .plain_values import dense, label_key
from .plan import ColumnPlan

__all__ = ["TableNumbers", "column_numbers", "output_labels", "output_numbers"]


class TableNumbers:
    """Reads what a column plan makes of rows. wanted: places among plan.columns."""

    def __init__(self, plan: ColumnPlan, wanted: Sequence[int]) -> None:
        self.columns = [plan.columns[place] for place in wanted]
        self.places = [plan.places[place] for place in wanted]
        self.coded = plan.container in ("numbers", "objects")
        self.all = self.places == list(range(len(plan.places)))

    def read(self, values: Any) -> np.ndarray:
        """A Table's values -> float64 [rows, columns], which may be the values themselves."""
        if hasattr(values, "toarray"):
            return values[:, self.places].toarray().astype(np.float64, copy=False)
        if isinstance(values, np.ndarray) and values.dtype != object:
            wanted = values if self.all and values.ndim == 2 else values.reshape(len(values), -1)[:, self.places]
            return wanted.astype(np.float64, copy=False)
        numbers = np.empty((len(values), len(self.columns)))
        for place, (at, column) in enumerate(zip(self.places, self.columns, strict=True)):
            cells = cells_at(values, at)
            if self.coded and column.kind != "text":
                numbers[:, place] = cells
            else:
                numbers[:, place] = column_numbers(column, cells)
        return numbers


def cells_at(values: Any, place: int) -> Any:
    """One column of a frame, of an array of objects, or of texts."""
    if hasattr(values, "iloc"):
        return values.iloc[:, place]
    return values if values.ndim == 1 else values[:, place]


def column_numbers(column: Column, cells: Any) -> np.ndarray:
    """A column's cells, in a pandas Series or an array of objects -> float64 [rows]."""
    if column.categories is not None:
        known = column.places
        missing, other = len(column.categories), len(column.categories) + 1
        return np.array([missing if gone(cell) else known.get(cell, other) for cell in cells], dtype=np.float64)
    if column.kind == "text":
        return np.array([np.nan if gone(cell) else len(str(cell)) for cell in cells], dtype=np.float64)
    if column.kind == "datetime":
        return np.array([np.nan if gone(cell) else 0.0 for cell in cells], dtype=np.float64)
    if hasattr(cells, "to_numpy") and cells.dtype != object:
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([np.nan if gone(cell) else float(cell) for cell in cells], dtype=np.float64)


def gone(cell: Any) -> bool:
    """Whether a cell is missing: None, or what pandas and numpy write, which equals nothing, not even itself."""
    if cell is None:
        return True
    same = cell == cell
    return same is not True and not (isinstance(same, np.bool_) and same)


def output_labels(raw: Any, output: Output) -> list[str] | None:
    """The distinct labels in an answer of texts, sorted; None for an output of numbers or truth values."""
    return None if output.dtype != "string" else sorted({label_key(label) for label in flat(raw).ravel().tolist()})


def output_numbers(raw: Any, output: Output, labels: Mapping[str, int] | None = None) -> np.ndarray:
    """What a method returned, labels, truth values or numbers -> float64 [rows, numbers of a row].

    labels: {label: its place}, for an output of texts; a label that is not among them is len(labels) + 1.
    """
    array = flat(raw)
    if labels is not None:
        other = len(labels) + 1
        places = [labels.get(label_key(label), other) for label in array.ravel().tolist()]
        return np.array(places, dtype=np.float64).reshape(array.shape)
    if array.dtype == object:
        values = [np.nan if gone(value) else float(value) for value in array.ravel().tolist()]
        return np.array(values, dtype=np.float64).reshape(array.shape)
    return array.astype(np.float64)


def flat(raw: Any) -> np.ndarray:
    """An answer as [rows, what a row has]; that of several targets, a list of arrays, side by side."""
    if isinstance(raw, list) and raw and isinstance(raw[0], np.ndarray) and raw[0].ndim:
        return np.hstack([part.reshape(len(part), -1) for part in raw])
    array = dense(raw)
    return array.reshape(len(array), -1)
