"""What goes into a graph: the numbers of a table, and the counts of the tokens of its texts.

    inputs = TextInputs({"numbers": [1], "counters": [{"column": 0, "analyzer": "word", ...}]}, at_once=None, wide=3)
    inputs.pieces(X)     # [{"X": [rows, 1], "places0": [rows, longest], "counts0": [rows, longest]}]

A piece is what one call of the session takes; most tables are one. Counts are padded to the longest text of a piece,
so a piece has fewer rows where texts are long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .token_counts import TokenCounter, padded

__all__ = ["NumberInputs", "TextInputs"]

CELLS = 2**21  # numbers that the padded counts of a piece may become inside the graph: 16 MB
Feed = dict[str, np.ndarray]


class NumberInputs:
    """The input of graphs that read numbers alone. at_once: rows of a piece, at most, or None."""

    def __init__(self, at_once: int | None) -> None:
        self.at_once = at_once

    def pieces(self, X: Any) -> list[Feed]:
        """X: ndarray [rows, columns] of numbers."""
        X = np.ascontiguousarray(X, dtype=np.float64)
        if self.at_once is None or len(X) <= self.at_once:
            return [{"X": X}]
        return [{"X": X[start : start + self.at_once]} for start in range(0, len(X), self.at_once)]


class TextInputs:
    """The inputs of graphs that read texts.

    `described`: "numbers" (the places of the columns that the graph itself reads), "counters" (what a TokenCounter
    takes, and the place of its "column"). wide: how many numbers a token becomes inside the graph.
    """

    def __init__(self, described: Mapping[str, Any], at_once: int | None, wide: int) -> None:
        self.numbers = described["numbers"]
        self.counters = [(each["column"], TokenCounter(each)) for each in described["counters"]]
        self.at_once, self.wide = at_once, wide

    def pieces(self, X: Any) -> list[Feed]:
        """X: ndarray [rows, columns] of objects: numbers, codes of categories, texts."""
        counts = [[counter.count(text) for text in X[:, place].tolist()] for place, counter in self.counters]
        numbers = X[:, self.numbers].astype(np.float64) if self.numbers else None
        return [self.piece(numbers, counts, start, end) for start, end in self.spans(counts)]

    def piece(self, numbers: np.ndarray | None, counts: Sequence[Sequence[dict]], start: int, end: int) -> Feed:
        feed = {} if numbers is None else {"X": numbers[start:end]}
        for place, of_column in enumerate(counts):
            feed[f"places{place}"], feed[f"counts{place}"] = padded(of_column[start:end])
        return feed

    def spans(self, counts: Sequence[Sequence[dict]]) -> Iterator[tuple[int, int]]:
        """The first row of each piece, and the one behind its last."""
        rows = len(counts[0])
        start, longest = 0, 1
        for row in range(rows):
            longest = max(longest, *(len(of_column[row]) for of_column in counts))
            size = row - start + 1
            if size > 1 and (size * longest * self.wide > CELLS or size > (self.at_once or size)):
                yield start, row
                start, longest = row, max(1, *(len(of_column[row]) for of_column in counts))
        yield start, rows
