"""An engine's calls of its runner: what they raise is logged, and whose texts they work on is noted before.

calls = RunnerCalls(runner, Suspects())
calls.extend(row, row.unread(64))       # float32 logits [vocabulary], or None where the runner raised
calls.step(rows)                        # float32 logits [rows, vocabulary], or None
calls.seconds()                         # of the call that runs now
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from time import perf_counter
from typing import TypeVar

import numpy as np

from .batch import Row
from .runner import Runner
from .suspects import Suspects

__all__ = ["RunnerCalls", "WatchedCalls"]

log = logging.getLogger(__name__)


Found = TypeVar("Found")


class WatchedCalls:
    """For the engine's thread; others may ask for `seconds`."""

    def __init__(self, suspects: Suspects) -> None:
        self.suspects = suspects
        self._began: float | None = None

    def seconds(self) -> float:
        """For how long the present call has been running; 0.0 where there is none."""
        began = self._began
        return 0.0 if began is None else perf_counter() - began

    def attempt(self, digests: Collection[bytes], call: Callable[..., Found], *arguments: object) -> Found | None:
        """What the call returns; None where it raises. digests: of the texts that it works on."""
        self.suspects.working(digests)
        self._began = perf_counter()
        try:
            return call(*arguments)
        except Exception:
            log.exception("the model raised on %d texts", len(digests))
            return None
        finally:
            self._began = None


class RunnerCalls(WatchedCalls):
    """Those of the batch engine."""

    def __init__(self, runner: Runner, suspects: Suspects) -> None:
        super().__init__(suspects)
        self.runner = runner

    def extend(self, row: Row, ids: np.ndarray) -> np.ndarray | None:
        """Read these ids of one row."""
        return self.attempt([row.sequence.digest], self.runner.extend, row.slot, ids, row.held)

    def step(self, rows: Sequence[Row]) -> np.ndarray | None:
        """Read the last token of every row."""
        digests = [row.sequence.digest for row in rows]
        last = [int(row.sequence.ids[-1]) for row in rows]
        return self.attempt(digests, self.runner.step, last, [row.held for row in rows])

    def slot_works(self, slot: int) -> bool:
        """Whether the runner can still prefill one token, into a slot whose content is no longer needed: then the
        sequence was at fault, not the runner."""
        return self.attempt([], self.runner.extend, slot, [0], 0) is not None
