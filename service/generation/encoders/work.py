"""Texts on their way through an encoder: the rows of one request, and which rows of all requests run together.

    job = Job([Row(ids), ...], deadline=None, done=callback)
    waiting.add(job)
    for job, place in waiting.next_batch(): ...        # rows of like length

Rows of like length run together, so that little of a batch is padding. Requests take turns by the tokens that they
have had, so a short one does not wait for the end of a long one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np

__all__ = ["MOST_ROWS", "Job", "Row", "WaitingRows"]

MOST_TOKENS = 512  # of a batch, padding included: on processors larger ones gain nothing, and hold up what waits
MOST_ROWS = 64  # of a batch
MOST_PADDING = 0.125  # of a batch


class Row(NamedTuple):
    """One text. ids: int32 [tokens], at least one. types: uint8 [tokens], of few tokenizers; None: all 0."""

    ids: np.ndarray
    types: np.ndarray | None = None


class Job:
    """The rows of one request, until all have their numbers or one has failed.

    deadline: a `perf_counter()` moment after which none of its rows is run, or None. done: called once, with the job,
    by the thread that ends it. results: a float32 array for each row. error: what ended it, or None.
    """

    def __init__(self, rows: Sequence[Row], deadline: float | None, done: Callable[[Job], None]) -> None:
        self.rows, self.deadline, self.done = rows, deadline, done
        self.results: list[np.ndarray | None] = [None] * len(rows)
        self.left = len(rows)
        self.waiting_tokens = 0  # of the rows that have not begun
        self.ended = False
        self.error: Exception | None = None

    @property
    def tokens(self) -> int:
        return sum(len(row.ids) for row in self.rows)


class WaitingRows:
    """The rows that wait. For one thread at a time."""

    def __init__(self) -> None:
        self.tokens = 0
        self._clock = 0  # the rank of the row that led the last batch
        self._numbers = count()  # of rows of one rank the first comes first; jobs are never compared
        self._by_length: dict[int, list[tuple[int, int, Job, int]]] = {}  # heaps of (rank, number, job, place)

    def __bool__(self) -> bool:
        return bool(self._by_length)

    def __len__(self) -> int:
        return sum(map(len, self._by_length.values()))

    def add(self, job: Job) -> None:
        rank = self._clock
        for place, row in enumerate(job.rows):
            rank += len(row.ids)
            heappush(self._by_length.setdefault(len(row.ids), []), (rank, next(self._numbers), job, place))
        job.waiting_tokens = rank - self._clock
        self.tokens += job.waiting_tokens

    def drop(self, job: Job) -> None:
        """The job has ended: its rows do not count any more, and no batch will hold them."""
        self.tokens -= job.waiting_tokens
        job.waiting_tokens = 0

    def next_batch(self) -> list[tuple[Job, int]]:
        """The row whose turn it is, and others of like length: (job, place of its row). Empty where none waits."""
        self._forget_ended()
        if not self._by_length:
            return []
        first = min(self._by_length, key=lambda length: self._by_length[length][0][:2])
        self._clock = self._by_length[first][0][0]
        batch = [self._pop(first)]
        longest, tokens = first, first
        # From the length of the first row on, the nearest lengths first.
        for length in sorted(self._by_length, key=lambda length: (abs(length - first), length)):
            while heap := self._by_length.get(length):
                size = max(longest, length) * (len(batch) + 1)
                if size > MOST_TOKENS or len(batch) == MOST_ROWS or size - tokens - length > MOST_PADDING * size:
                    break
                longest, tokens = max(longest, length), tokens + length
                if heap[0][2].ended:
                    self._pop(length)
                else:
                    batch.append(self._pop(length))
        return batch

    def _pop(self, length: int) -> tuple[Job, int]:
        heap = self._by_length[length]
        _, _, job, place = heappop(heap)
        if not heap:
            del self._by_length[length]
        if not job.ended:
            job.waiting_tokens -= length
            self.tokens -= length
        return job, place

    def _forget_ended(self) -> None:
        for length in list(self._by_length):
            while (heap := self._by_length.get(length)) and heap[0][2].ended:
                self._pop(length)
