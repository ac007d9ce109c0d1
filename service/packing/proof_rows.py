"""Rows that tell a graph from the model it was compiled from, as clients would send them.

    rows = proof_rows(columns, sample, answer)     # the sample's own rows come first

The sample; rows between and around its rows; every category, a missing value and an unknown category where the column
takes them; rows far away; texts that nobody wrote; and pairs of neighboring rows (the last bit of a float apart)
between which the answer changes: at the boundary of two labels, and at the thresholds of trees.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.tables.column import Column
from .odd_texts import odd_texts
from .schema import Row, unseen

__all__ = ["proof_rows"]

AROUND = 400
EDGES = 2000  # at most; a column may have many categories
FAR = (-20.0, -3.0, 4.0, 20.0)  # in ranges of the column, from its smallest value
PAIRS = 48
HALVINGS = 80  # more than the bits of a float64: then the two rows are neighbors

Answer = Callable[[list[Row]], np.ndarray]  # rows -> [rows, ...]


def proof_rows(columns: list[Column], sample: list[Row], answer: Answer) -> list[Row]:
    """The sample and all rows made from it. answer: what the model says of rows, comparable. Deterministic."""
    rng = np.random.default_rng(0)
    boundaries = bisect_decision_boundaries(columns, sample, answer, rng)
    return [*sample, *around(columns, sample, rng), *edges(columns, sample, rng), *texts(columns, sample), *boundaries]


def numeric(columns: list[Column]) -> list[Column]:
    """The columns whose cells lie on a line."""
    return [column for column in columns if column.kind in ("number", "integer")]


def ranges(columns: list[Column], sample: list[Row]) -> dict[str, tuple[float, float]]:
    """{column: (smallest, largest)} of the sample."""
    limits = {}
    for column in numeric(columns):
        values = [row[column.name] for row in sample if row[column.name] is not None]
        limits[column.name] = (min(values), max(values)) if values else (0.0, 1.0)
    return limits


def as_cell(column: Column, number: float) -> Any:
    """A float as a cell of the column, which may take integers of a certain range or fewer bits; None if it cannot."""
    value: Any
    if column.kind == "integer":
        value = round(number)
    elif column.dtype in ("float32", "float16"):
        value = float(np.dtype(column.dtype).type(number))
    else:
        value = float(number)
    return value if column.fits(value) else None


def with_cells(columns: list[Column], row: Row, numbers: dict[str, float]) -> Row:
    """The row with these floats in their columns, where the column takes them."""
    changed = dict(row)
    for column in columns:
        if column.name in numbers:
            value = as_cell(column, numbers[column.name])
            if value is not None:
                changed[column.name] = value
    return changed


def around(columns: list[Column], sample: list[Row], rng: np.random.Generator) -> Iterator[Row]:
    """Every cell from another row, numbers moved a little: rows that the model has never seen."""
    limits = ranges(columns, sample)
    for _ in range(AROUND):
        places = rng.integers(len(sample), size=len(columns))
        row = {column.name: sample[place][column.name] for column, place in zip(columns, places, strict=True)}
        reach = rng.choice([1e-9, 1e-3, 0.1, 1.0])
        moved = {
            name: row[name] + reach * (largest - smallest) * rng.normal()
            for name, (smallest, largest) in limits.items()
            if row[name] is not None
        }
        yield with_cells(columns, row, moved)


def edges(columns: list[Column], sample: list[Row], rng: np.random.Generator) -> Iterator[Row]:
    """One cell at a time at the edge of what its column takes, the others from the sample."""
    limits = ranges(columns, sample)
    cells = [(column, value) for column in columns for value in edge_cells(column, limits)]
    for place in rng.permutation(len(cells))[:EDGES]:
        column, value = cells[place]
        yield sample[rng.integers(len(sample))] | {column.name: value}


def edge_cells(column: Column, limits: dict[str, tuple[float, float]]) -> Iterator[Any]:
    """The cells at the edge of what a column takes; rare ones several times."""
    if column.nullable:
        yield from [None] * 3
    if column.categories is not None:
        yield from column.categories
        if column.accepts_unknown:
            yield from [unseen(column.categories)] * 3
    elif column.kind == "boolean":
        yield from (False, True)
    elif column.name in limits:
        smallest, largest = limits[column.name]
        reach = (largest - smallest) or 1.0
        values = [as_cell(column, number) for number in (0.0, *(smallest + far * reach for far in FAR))]
        yield from (value for value in values if value is not None)


def texts(columns: list[Column], sample: list[Row]) -> Iterator[Row]:
    """Texts that nobody has written so far: in the columns of texts, one at a time, the others from the sample."""
    for column in columns:
        if column.kind != "text":
            continue
        known = [row[column.name] for row in sample if row[column.name]]
        for place, text in enumerate(odd_texts(known)):
            yield sample[place % len(sample)] | {column.name: text}


@dataclass
class Pair:
    """Two rows with different answers. `answer`: that of `low`; the boundary lies between them."""

    low: Row
    high: Row
    answer: np.ndarray


def bisect_decision_boundaries(
    columns: list[Column], sample: list[Row], answer: Answer, rng: np.random.Generator
) -> list[Row]:
    """Neighboring rows between which the answer changes, found by halving the way between two rows."""
    lines = numeric(columns)
    pairs = differing_pairs(lines, sample, answer, rng) if lines and len(sample) >= 2 else []
    if not pairs:
        return []
    for _ in range(HALVINGS):
        middles = [middle(lines, pair.low, pair.high) for pair in pairs]
        if middles in ([pair.low for pair in pairs], [pair.high for pair in pairs]):
            break
        for pair, row, its_answer in zip(pairs, middles, answer(middles), strict=True):
            if equal(its_answer, pair.answer):
                pair.low = row
            else:
                pair.high = row
    return [*(pair.low for pair in pairs), *(pair.high for pair in pairs)]


def differing_pairs(lines: list[Column], sample: list[Row], answer: Answer, rng: np.random.Generator) -> list[Pair]:
    """Rows of the sample beside rows that differ in numbers alone, and have another answer."""
    answers = answer(sample)
    rows: list[tuple[Row, Row]] = []
    for _ in range(20 * PAIRS):
        a, b = rng.integers(len(sample), size=2)
        if len(rows) < PAIRS and not equal(answers[a], answers[b]):
            # Some pairs differ in all their numbers, some in one only.
            moved = lines if rng.random() < 0.5 else [lines[rng.integers(len(lines))]]
            names = [column.name for column in moved if None not in (sample[a][column.name], sample[b][column.name])]
            rows.append((sample[a], sample[a] | {name: sample[b][name] for name in names}))
    if not rows:
        return []
    lows, highs = answer([low for low, _ in rows]), answer([high for _, high in rows])
    return [
        Pair(low, high, of_low)
        for (low, high), of_low, of_high in zip(rows, lows, highs, strict=True)
        if not equal(of_low, of_high)
    ]


def equal(answer: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(answer, other, equal_nan=True)


def middle(lines: list[Column], low: Row, high: Row) -> Row:
    """The row half way, or `low` where none lies between."""
    halves = {}
    for column in lines:
        a, b = low[column.name], high[column.name]
        if a is not None and a != b:
            halves[column.name] = math.floor((a + b) / 2) if column.kind == "integer" else a + (b - a) / 2
    return with_cells(lines, low, halves)
