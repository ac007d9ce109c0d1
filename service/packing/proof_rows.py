"""Rows to tell a graph from the model it was compiled from, as callers would send them.

    rows = proof_rows(columns, sample, answer)     # the sample's own rows come first

The sample; rows between and around its rows; every category, a missing value and a category
never seen where the column takes them; rows far away; and pairs of rows next to each other
(the last bit of a float apart) between which the answer changes: at the boundary of two
labels, and at the thresholds of trees.
"""

import math

import numpy as np

from .schema import unseen

__all__ = ["proof_rows"]

AROUND = 400
EDGES = 2000  # at most; a column may have many categories
FAR = (-20.0, -3.0, 4.0, 20.0)  # in ranges of the column, from its smallest value
PAIRS = 48
HALVINGS = 80  # more than the bits of a float64: then the two are next to each other


def proof_rows(columns, sample, answer):
    """`answer`: rows -> one comparable array [rows, ...] of what the model says of each. Deterministic."""
    rng = np.random.default_rng(0)
    kinds = [around(columns, sample, rng), edges(columns, sample, rng), between(columns, sample, answer, rng)]
    return [*sample, *(row for rows in kinds for row in rows)]


def moving(columns):
    """The columns whose cells lie on a line."""
    return [column for column in columns if column.kind in ("number", "integer")]


def spreads(columns, sample):
    """{column: (smallest, largest)} of the sample."""
    found = {}
    for column in moving(columns):
        values = [row[column.name] for row in sample if row[column.name] is not None]
        found[column.name] = (min(values), max(values)) if values else (0.0, 1.0)
    return found


def cell(column, value):
    """A float as a cell of the column, which may want a whole number of a certain range or fewer bits."""
    if column.kind == "integer":
        value = round(value)
    elif column.dtype in ("float32", "float16"):
        value = float(np.dtype(column.dtype).type(value))
    else:
        value = float(value)
    return value if column.fits(value) else None


def with_cells(columns, row, values):
    """The row with these floats in their columns, where the column takes them."""
    changed = dict(row)
    for column in columns:
        if column.name in values:
            found = cell(column, values[column.name])
            if found is not None:
                changed[column.name] = found
    return changed


def around(columns, sample, rng):
    """Every cell from a row of its own, numbers moved a little: rows that nobody has seen."""
    limits = spreads(columns, sample)
    for _ in range(AROUND):
        picked = rng.integers(len(sample), size=len(columns))
        row = {column.name: sample[place][column.name] for column, place in zip(columns, picked, strict=True)}
        reach = rng.choice([1e-9, 1e-3, 0.1, 1.0])
        moved = {
            name: row[name] + reach * (largest - smallest) * rng.normal()
            for name, (smallest, largest) in limits.items()
            if row[name] is not None
        }
        yield with_cells(columns, row, moved)


def edges(columns, sample, rng):
    """One cell at a time at the edge of what its column takes, the others from the sample."""
    limits, wanted = spreads(columns, sample), []
    for column in columns:
        if column.nullable:
            wanted += [(column, None)] * 3
        if column.categories is not None:
            wanted += [(column, value) for value in column.categories]
            if column.accepts_unknown:
                wanted += [(column, unseen(column.categories))] * 3
        elif column.kind == "boolean":
            wanted += [(column, False), (column, True)]
        elif column.name in limits:
            smallest, largest = limits[column.name]
            reach = (largest - smallest) or 1.0
            places = [0.0, *(smallest + far * reach for far in FAR)]
            wanted += [(column, cell(column, value)) for value in places if cell(column, value) is not None]
    for place in rng.permutation(len(wanted))[:EDGES]:
        column, value = wanted[place]
        yield sample[rng.integers(len(sample))] | {column.name: value}


def between(columns, sample, answer, rng):
    """Pairs of neighbours between which the answer changes, found by halving the way between two rows."""
    lines = moving(columns)
    if not lines or len(sample) < 2:
        return []
    said = answer(sample)
    firsts, seconds = [], []
    for _ in range(20 * PAIRS):
        a, b = rng.integers(len(sample), size=2)
        if len(firsts) < PAIRS and not np.array_equal(said[a], said[b], equal_nan=True):
            # Some pairs differ in all their numbers, some in one only.
            kept = lines if rng.random() < 0.5 else [lines[rng.integers(len(lines))]]
            named = [one for one in kept if sample[a][one.name] is not None and sample[b][one.name] is not None]
            firsts.append(sample[a])
            seconds.append(sample[a] | {one.name: sample[b][one.name] for one in named})
    if not firsts:
        return []
    start = answer(firsts)
    end = answer(seconds)
    kept = [place for place in range(len(firsts)) if not np.array_equal(start[place], end[place], equal_nan=True)]
    if not kept:
        return []
    firsts, seconds, start = [firsts[p] for p in kept], [seconds[p] for p in kept], start[kept]
    for _ in range(HALVINGS):
        middles = [middle(lines, a, b) for a, b in zip(firsts, seconds, strict=True)]
        if middles in (firsts, seconds):
            break
        now = answer(middles)
        for place, row in enumerate(middles):
            if np.array_equal(now[place], start[place], equal_nan=True):
                firsts[place] = row
            else:
                seconds[place] = row
    return firsts + seconds


def middle(columns, first, second):
    """The row half way, or `first` where nothing lies between."""
    halves = {}
    for column in columns:
        a, b = first[column.name], second[column.name]
        if a is not None and a != b:
            half = math.floor((a + b) / 2) if column.kind == "integer" else a + (b - a) / 2
            halves[column.name] = half
    return with_cells(columns, first, halves)
