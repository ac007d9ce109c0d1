"""Rows of thousands of columns that are zeros nearly throughout, inside a graph: what a vectorizer makes of texts.

    X = Sparse(g, [Tokens(g, places, counts, width=50_000)])
    scores = X @ weights + bias        # only the rows of `weights` whose tokens are there are gathered

A Sparse is a row of blocks: Tokens, which hold the columns that are not zero, and plain tensors, as ColumnTransformer
and FeatureUnion put them side by side. Whatever cannot be done so is done with `dense()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .tables import Untranslatable

__all__ = ["LARGEST_WEIGHTS", "Sparse", "Tokens", "beside"]

WIDEST = 200_000  # columns of a dense row
CELLS = 2**22  # numbers of dense rows in memory at once: 32 MB
LARGEST_WEIGHTS = 2**26  # numbers of one matrix of weights: 512 MB
SCARCE = 0.5  # where fewer of the rows of weights than this are not zero, the others are left out


@dataclass(frozen=True)
class Tokens:
    """`values` [rows, longest] float64 stand at `places` [rows, longest] int64; no place has two that are not 0."""

    graph: Any
    places: Any
    values: Any
    width: int

    def product(self, weights: np.ndarray) -> Any:
        """[rows, columns of the weights]"""
        places, count = self.places, weights.shape[1]
        live = weights.any(axis=1)
        if count > 1 and live.mean() < SCARCE:  # as of buckets that no token of the training texts fell into
            numbers = np.zeros(len(weights), dtype=np.int64)
            numbers[live] = np.arange(1, live.sum() + 1)
            places = self.own(numbers)
            weights = np.concatenate([np.zeros((1, count)), weights[live]])
        self.graph.wide = max(self.graph.wide, count)
        if count == 1:
            return (self.graph.op("Gather", weights[:, 0].copy(), places, axis=0) * self.values).sum()
        gathered = self.graph.op("Gather", weights, places, axis=0)
        return (self.graph.op("Unsqueeze", self.values, np.array([1])) @ gathered).reshape(-1, count)

    def own(self, numbers: np.ndarray) -> Any:
        """[rows, longest]: of one number a column, those of the columns that are there."""
        return self.graph.op("Gather", numbers, self.places, axis=0)

    def of(self, values: Any) -> Tokens:
        return Tokens(self.graph, self.places, values, self.width)

    def take(self, columns: np.ndarray) -> Tokens:
        """Some of the columns, in another order if need be."""
        numbers, kept = np.zeros(self.width, dtype=np.int64), np.zeros(self.width)
        numbers[columns], kept[columns] = np.arange(len(columns)), 1.0
        return Tokens(self.graph, self.own(numbers), self.values * self.own(kept), len(columns))

    def dense(self) -> Any:
        zeros = self.values.take([0]) * np.zeros((1, self.width))
        return self.graph.op("ScatterElements", zeros, self.places, self.values, axis=1, reduction="add")


class Sparse:
    """Blocks side by side: [rows, width]. `sparse`: whether the model itself has a sparse matrix here."""

    def __init__(self, graph: Any, blocks: Sequence[tuple[Any, int]]) -> None:
        """blocks: (Tokens or a Tensor, its width)."""
        self.graph, self.blocks, self.sparse = graph, list(blocks), True
        self.width = sum(width for _, width in blocks)

    @classmethod
    def of_tokens(cls, graph: Any, described: dict[str, Any], width: int) -> Sparse:
        """The counts of a TokenCounter that is described so, with the name of its "column"."""
        places, counts = graph.token_counts(described)
        return cls(graph, [(Tokens(graph, places, counts, width), width)])

    def spans(self) -> Iterator[tuple[Any, int, int]]:
        """(each block, its first column, the column behind its last)."""
        start = 0
        for block, width in self.blocks:
            yield block, start, start + width
            start += width

    def changed(self, of_tokens: Callable[..., Any], of_tensor: Callable[..., Any]) -> Sparse:
        """Each block changed, by a function that gets (block, its first column, the one behind its last)."""
        made = Sparse(
            self.graph,
            [
                ((of_tokens if isinstance(block, Tokens) else of_tensor)(block, start, end), end - start)
                for block, start, end in self.spans()
            ],
        )
        made.sparse = self.sparse
        return made

    def mapped(self, function: Callable[[Any], Any]) -> Sparse:
        """A function of each number, which leaves 0 as it is."""
        return self.changed(lambda block, *_: block.of(function(block.values)), lambda block, *_: function(block))

    def __matmul__(self, weights: np.ndarray) -> Any:
        if weights.size > LARGEST_WEIGHTS:
            raise Untranslatable(f"its matrix of weights has {weights.size:,} numbers, more than {LARGEST_WEIGHTS:,}")
        parts = [
            block.product(weights[start:end]) if isinstance(block, Tokens) else block @ weights[start:end].copy()
            for block, start, end in self.spans()
        ]
        return sum(parts[1:], start=parts[0])

    def __mul__(self, factors: Any) -> Sparse:
        """factors: a number, or one a column."""
        each = np.broadcast_to(np.asarray(factors, dtype=np.float64), self.width)
        return self.changed(
            lambda block, start, end: block.of(block.values * block.own(each[start:end].copy())),
            lambda block, start, end: block * each[start:end].copy(),
        )

    def __truediv__(self, divisors: Any) -> Sparse:
        each = np.broadcast_to(np.asarray(divisors, dtype=np.float64), self.width)
        return self.changed(
            lambda block, start, end: block.of(block.values / block.own(each[start:end].copy())),
            lambda block, start, end: block / each[start:end].copy(),
        )

    def by_row(self, divisors: Any) -> Sparse:
        """Every row divided by its own number. divisors: Tensor [rows, 1]."""
        return self.mapped(lambda values: values / divisors)

    def numbers(self) -> Any:
        """[rows, any]: each row's numbers that are not 0, and some that are, in no order."""
        return self.graph.join(block.values if isinstance(block, Tokens) else block for block, _ in self.blocks)

    def cast(self, dtype: Any) -> Sparse:
        return self.mapped(lambda values: values.cast(dtype))

    def float(self) -> Sparse:
        return self.cast(np.float64)

    def take(self, columns: Any, axis: int = 1) -> Any:
        """Columns by their places, each at most once. Those of one block have to follow those of the block before."""
        columns = np.asarray(list(columns), dtype=np.int64)
        blocks: list[tuple[Any, int]] = []
        for block, start, end in self.spans():
            own = columns[(columns >= start) & (columns < end)] - start
            if len(own):
                blocks.append((block.take(own), len(own)))
        made = Sparse(self.graph, blocks)
        made.sparse = self.sparse
        starts = np.searchsorted([end for _, _, end in self.spans()], columns, side="right")
        if not blocks or (np.diff(starts) < 0).any() or len(set(columns.tolist())) < len(columns):
            return self.dense().take(columns)
        return made

    def dense(self) -> Any:
        """The same as one Tensor [rows, width]."""
        if self.width > WIDEST:
            raise Untranslatable(f"a row of {self.width:,} columns cannot be made dense; {WIDEST:,} can")
        self.graph.at_once(max(1, CELLS // self.width))
        made = self.graph.join(block.dense() if isinstance(block, Tokens) else block for block, _ in self.blocks)
        made.sparse = self.sparse
        return made


def beside(g: Any, parts: Sequence[tuple[Any, int | None]]) -> Any:
    """Tensors and Sparses as one: a Tensor where all are. parts: (each, its width where it says one)."""
    if not any(isinstance(part, Sparse) for part, _ in parts):
        return g.join(part for part, _ in parts)
    blocks: list[tuple[Any, int]] = []
    for part, width in parts:
        if isinstance(part, Sparse):
            blocks += part.blocks
        elif width is None:
            raise Untranslatable("a step that does not say how many columns it makes stands beside a vectorizer")
        else:
            blocks.append((part, width))
    return Sparse(g, blocks)
