"""Which columns a model never reads, found out by giving it cells that nothing can be computed with.

    unread(runtime, columns, X, answers)     # {"note", "customer_id"}

A ColumnTransformer drops the columns that no part of it takes; so do selectors, and functions of the owner's own. What
is dropped is told by what is left: a column is unread where each of its cells may be an object whose every operation
raises, and all answers stay what they are. That a column is of no importance to a model is not enough.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pandas as pd

from ..models.tables.column import Column
from .proof import Answers, same
from .schema import QUESTIONS

__all__ = ["unread"]

FIRST_ROWS = 20  # tell most columns that are read


def refuse(*_: Any) -> Any:
    raise TypeError("this cell was read")


# What reading a cell comes to: all but being moved about.
OPERATIONS = """
    abs add and bool bytes call complex contains divmod enter eq float floordiv format ge getitem gt hash index int
    invert iter le len lt matmul mod mul ne neg next or pos pow radd rand rdivmod repr rfloordiv rmatmul rmod rmul ror
    round rpow rsub rtruediv rxor str sub truediv trunc xor
"""
Unreadable = type("Unreadable", (), {f"__{name}__": refuse for name in OPERATIONS.split()})


def unread(runtime: Any, columns: list[Column], X: Any, answers: Answers) -> set[str]:
    """The names of the columns that the model never reads. X: all rows as it is called with them, a frame or an array.

    answers: those for X. Asks a bounded number of times; columns that there was no time for are taken for read.
    """
    if not isinstance(X, pd.DataFrame) and not (isinstance(X, np.ndarray) and X.ndim == 2):
        return set()
    methods = list(answers)
    some = X.iloc[:FIRST_ROWS] if isinstance(X, pd.DataFrame) else X[:FIRST_ROWS]
    try:
        of_some = runtime.run(some, methods)
    except Exception:  # it may need more rows
        some, of_some = X, answers
    found: list[int] = []
    waiting, questions = deque([list(range(len(columns)))]), 0
    while waiting and questions < QUESTIONS:
        group = waiting.popleft()
        questions += 1
        if ignores(runtime, some, of_some, [*found, *group]):
            found += group
        elif len(group) > 1:
            half = len(group) // 2
            waiting.extend((group[:half], group[half:]))
    if not found or len(found) == len(columns) or not ignores(runtime, X, answers, found):
        return set()
    return {columns[place].name for place in found}


def ignores(runtime: Any, X: Any, answers: Answers, places: list[int]) -> bool:
    """Whether the model answers the same where these columns hold what cannot be read."""
    try:
        found = runtime.run(poisoned(X, places), list(answers))
        return all(same(found[method], answers[method]) for method in answers)
    except Exception:  # it raised because it has read one, or of something else that it missed
        return False


def poisoned(X: Any, places: list[int]) -> Any:
    cells = np.empty(len(X), dtype=object)
    cells[:] = [Unreadable() for _ in range(len(X))]
    if isinstance(X, np.ndarray):
        X = X.astype(object)
        X[:, places] = cells[:, None]
        return X
    X = X.copy(deep=False)
    for place in places:
        X.isetitem(place, pd.Series(cells, dtype=object, index=X.index))
    return X
