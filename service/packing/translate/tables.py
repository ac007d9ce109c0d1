"""The raw table inside a graph: numbers as they are, categories as places in their lists.

What reads categories only (encoders, imputers of texts, pipelines of them) depends on
each cell alone, so it is not translated but tabulated: asked once for every category,
and its answers become a lookup table.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...models.tables.plain_values import dense
from ...models.tables.plan import ColumnPlan
from ..schema import unseen

__all__ = ["LARGEST_TABLE", "Table", "Untranslatable", "lookups", "responses", "tabulate"]

LARGEST_TABLE = 2_000_000  # numbers asked for in tabulating one encoder
SOME = {"boolean": False, "text": "", "category": None}  # cells of columns that are not asked about; 0 of others


class Untranslatable(ValueError):
    """What has no equal graph; the message names it, in a form to stand after "because"."""


@dataclass(frozen=True)
class Table:
    """`tensor` [rows, columns] float64, one Column a column; `container` is what the estimator was fitted on.

    A column of texts has no numbers: whichever stand there mean nothing. Of texts alone the tensor is None.
    """

    tensor: Any
    columns: tuple[Any, ...]
    container: str

    def take(self, places):
        places = list(places)
        if places == list(range(len(self.columns))):
            return self
        tensor = None if self.tensor is None else self.tensor.take(places)
        return Table(tensor, tuple(self.columns[place] for place in places), self.container)

    @property
    def coded(self):
        """Whether each column's cells are categories: True, False, or None where some are."""
        categorical = {column.categories is not None for column in self.columns}
        return categorical.pop() if len(categorical) == 1 else None

    def numbers(self, reader):
        """The tensor, if it means what it says."""
        for column in self.columns:
            if column.kind == "text":
                raise Untranslatable(f"{reader} reads column {column.name!r}, which is text, and is no vectorizer")
            if column.categories is not None:
                raise Untranslatable(f"{reader} reads the categories of column {column.name!r} among numbers")
        return self.tensor


def tabulate(g, transform, table):
    """What `transform` makes of a table of categories, as a sum of one lookup a column.

    `transform` is called with the fitted container. Raises Untranslatable unless every
    value of the answer depends on one column alone.
    """
    cells, answer, sparse = responses(transform, table, range(len(table.columns)))
    made = lookups(g, table, cells, answer) if len(answer) > 1 else g.join([answer + 0 * table.tensor.take([0])])
    made.sparse = sparse
    return made


def responses(transform, table, places):
    """Ask for every cell of the columns in `places`, one at a time, the other columns as they are in the first row.

    Returns (the cells of each of those columns, the answers float64 with that of the first row before theirs, whether
    they came as a sparse matrix). Raises Untranslatable where the answer is no table of numbers, or too large.
    """
    plan, cells = ColumnPlan(table.columns, table.container), [allowed(table.columns[place]) for place in places]
    base = [SOME.get(column.kind, 0) for column in table.columns]
    for place, values in zip(places, cells, strict=True):
        base[place] = values[0]
    rows = [base]
    for place, values in zip(places, cells, strict=True):
        rows += [[*base[:place], value, *base[place + 1 :]] for value in values]
    try:
        answer = transform(plan.read(rows).values)
        numbers = dense(answer)
    except Exception as error:  # the user's object may raise anything
        raise Untranslatable(f"asking for every category failed ({type(error).__name__})") from error
    if numbers.ndim != 2 or numbers.dtype.kind not in "fiub":
        raise Untranslatable("what it makes of categories is no table of numbers")
    if numbers.size > LARGEST_TABLE:
        raise Untranslatable(f"its lookup table would hold {numbers.size} numbers")
    return cells, numbers.astype(np.float64), hasattr(answer, "toarray")


def lookups(g, table, cells, answer):
    """The answers of `responses` in the graph: for each column of the table a row of numbers a cell."""
    base, start, owned, total = answer[0], 1, np.zeros(answer.shape[1], dtype=bool), None
    for place, (column, values) in enumerate(zip(table.columns, cells, strict=True)):
        own = answer[start : start + len(values)]
        start += len(values)
        moved = (own != base) & ~(np.isnan(own) & np.isnan(base))
        mine = moved.any(axis=0)
        if (mine & owned).any():
            raise Untranslatable("it mixes categories of several columns in one number")
        owned |= mine
        last = place == len(cells) - 1
        kept = mine | ~owned if last else mine  # what no column moves is added once
        lookup = np.zeros((len(column.categories) + 2, answer.shape[1]))
        codes = np.array(column.codes(values), dtype=np.int64)
        lookup[codes] = np.where(kept, own, 0.0)
        encoded = g.op("Gather", lookup, table.tensor.take(place).int(), axis=0)
        total = encoded if total is None else total + encoded
    return total


def allowed(column):
    """Every kind of cell that the column takes: its categories, a missing one, one never seen."""
    values = list(column.categories)
    if column.nullable:
        values.append(None)
    if column.accepts_unknown:
        values.append(unseen(column.categories))
    return values
