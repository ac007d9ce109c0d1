"""Requests that wait for the same model at the same moment are predicted in one call.

    runtime = Batched(runtime)                          # the same `run(X, methods)`, safe to call from many threads
    runtime.run(X, ["predict"], deadline=None).queued   # seconds spent waiting for the calls before it

This module knows arrays and no models. A request that finds the model idle runs at once, alone; requests that arrive
meanwhile wait, and run together when it is done. The answer to a row is what the model gives for it within that
batch: the same as alone but for the last bits of a float, where a library adds in another order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ..errors import DeadlineExceeded

__all__ = ["SMALL", "Batched", "Results", "alike", "batched", "rows_between"]

log = logging.getLogger(__name__)

SMALL = 32  # rows of a request that may share a call; a larger request gets a call of its own
LARGEST = 256  # rows of one call
ROWS = 8  # how many rows are tried together when a model is loaded, and ...
GAIN = 2  # ... how many times faster together than one by one they have to be
WORTH = 100e-6  # seconds: a faster call is over before its neighbors have been collected


class Results(dict[str, Any]):
    """{method: what it returned}. `queued`: seconds that the rows waited before their call began. `batch`: its rows."""

    queued = 0.0
    batch = 0


class Job:
    """One waiting request's rows, until its thread takes the results away.

    `wake` is a lock that is held until the job's thread has something to do: take its results, or lead `batch`.
    (A bare lock wakes a thread several microseconds sooner than threading.Event.)
    """

    def __init__(self, X: np.ndarray, deadline: float | None) -> None:
        self.X = X
        self.arrived = perf_counter()
        self.deadline = deadline
        self.wake = threading.Lock()
        self.wake.acquire()
        self.batch: list[Job] | None = None  # the jobs that this job's thread runs; None where another thread does
        self.results: Results | None = None
        self.error: BaseException | None = None


class Batched:
    """A runtime for array containers, wrapped around another runtime."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self._guard = threading.Lock()
        self._running: set[tuple] = set()  # keys of the calls that are running
        self._waiting: dict[tuple, list[Job]] = {}  # key of a call -> jobs

    @property
    def waiting(self) -> int:
        """How many requests wait at this moment."""
        with self._guard:
            return sum(map(len, self._waiting.values()))

    def run(self, X: np.ndarray, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """As the wrapped runtime's `run`; raises what that raises for these rows, and DeadlineExceeded."""
        if len(X) > SMALL:
            return self.runtime.run(X, methods)
        key = (tuple(methods), X.dtype, X.shape[1:])
        with self._guard:
            idle = key not in self._running
            if idle:
                self._running.add(key)
            else:
                job = Job(X, deadline)
                self._waiting.setdefault(key, []).append(job)
        return self._run_now(key, X, methods) if idle else self._wait(key, job, methods)

    def _run_now(self, key: tuple, X: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
        try:
            return self.runtime.run(X, methods)
        finally:
            self._hand_over(key)

    def _wait(self, key: tuple, job: Job, methods: Sequence[str]) -> Results:
        """Wait until another thread has run the job, or has made this thread the leader of a batch."""
        job.wake.acquire()
        if job.batch is not None:
            try:
                self._run_together(job.batch, methods)
            finally:
                self._hand_over(key)
        if job.error is not None:
            raise job.error
        assert job.results is not None  # every job of a batch ends with results or an error
        return job.results

    def _hand_over(self, key: tuple) -> None:
        """Wake the first waiting job to run all that wait with it, or mark the model as idle."""
        with self._guard:
            waiting = self._waiting.pop(key, None)
            if not waiting:
                self._running.discard(key)
                return
            count = rows = 0
            while count < len(waiting) and rows + len(waiting[count].X) <= LARGEST:
                rows += len(waiting[count].X)
                count += 1
            if count < len(waiting):
                self._waiting[key] = waiting[count:]
        leader = waiting[0]
        leader.batch = waiting[:count]
        leader.wake.release()

    def _run_together(self, jobs: list[Job], methods: Sequence[str]) -> None:
        """Give every job its results or its error, and wake the threads of all but the first."""
        began = perf_counter()
        for job in jobs:
            if job.deadline is not None and job.deadline <= began:
                job.error = DeadlineExceeded("the request's deadline passed before the prediction began")
        live = [job for job in jobs if job.error is None]
        try:
            if len(live) > 1:
                self._share(live, methods)
        except Exception:  # some row fails, or the answer cannot be cut into rows
            log.info("%d requests failed together and are predicted one by one", len(live))
        for job in jobs:
            if job.results is None and job.error is None:
                self._run_alone(job, methods)
            if job.results is not None:
                job.results.queued = began - job.arrived
            if job is not jobs[0]:
                job.wake.release()

    def _share(self, jobs: list[Job], methods: Sequence[str]) -> None:
        outputs = self.runtime.run(np.concatenate([job.X for job in jobs]), methods)
        ends = np.cumsum([len(job.X) for job in jobs]).tolist()
        cut = [
            Results({name: rows_between(raw, end - len(job.X), end, ends[-1]) for name, raw in outputs.items()})
            for job, end in zip(jobs, ends, strict=True)
        ]
        for job, results in zip(jobs, cut, strict=True):
            results.batch = ends[-1]
            job.results = results

    def _run_alone(self, job: Job, methods: Sequence[str]) -> None:
        try:
            job.results = Results(self.runtime.run(job.X, methods))
            job.results.batch = len(job.X)
        except BaseException as error:  # raised again by the job's own thread
            job.error = error


def rows_between(raw: Any, start: int, end: int, count: int) -> Any:
    """Rows start:end of a method's output for `count` rows: an array, a frame, or a list of arrays by target."""
    if isinstance(raw, list):
        return [rows_between(of_target, start, end, count) for of_target in raw]
    if raw.shape[0] != count:
        raise ValueError(f"{raw.shape[0]} rows came back for {count}")
    return raw.iloc[start:end] if hasattr(raw, "iloc") else raw[start:end]


def alike(runtime: Any, X: np.ndarray, methods: Iterable[str]) -> bool:
    """Whether each row gets the same answer alone and among others, to 1e-6. X: some rows, [rows, columns].

    A model whose answer to a row depends on its neighbors never answers several requests by one call.
    """
    X = np.resize(X, (ROWS, *X.shape[1:]))
    methods = tuple(methods)
    try:
        together, alone = runtime.run(X, methods), [runtime.run(X[row : row + 1], methods) for row in range(ROWS)]
        return all(
            same(rows_between(together[name], row, row + 1, ROWS), expected[name])
            for row, expected in enumerate(alone)
            for name in methods
        )
    except Exception:  # the answer cannot be cut into rows
        return False


def batched(runtime: Any, X: np.ndarray, methods: Iterable[str]) -> Any:
    """A runtime whose rows are `alike`, wrapped in Batched where that pays; else as it is. X: some rows.

    Measured: one row against ROWS of them.
    """
    X = np.resize(X, (ROWS, *X.shape[1:]))
    first = tuple(methods)[:1]
    single, many = fastest(lambda: runtime.run(X[:1], first)), fastest(lambda: runtime.run(X, first))
    return Batched(runtime) if single > WORTH and many * GAIN < single * ROWS else runtime


def same(actual: Any, expected: Any) -> bool:
    """Whether two outputs of a method are equal, floats to 1e-6."""
    if isinstance(expected, list):
        return all(map(same, actual, expected))
    if hasattr(expected, "toarray"):
        actual, expected = actual.toarray(), expected.toarray()
    actual, expected = np.asarray(actual), np.asarray(expected)
    if expected.dtype.kind in "fc":
        return np.allclose(actual, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    return bool(np.all(actual == expected))


def fastest(call: Callable[[], Any], times: int = 5, patience: float = 0.1) -> float:
    """Seconds of the quickest of `times` calls; of fewer calls once they took `patience` seconds together."""
    seconds: list[float] = []
    while len(seconds) < times and sum(seconds) < patience:
        began = perf_counter()
        call()
        seconds.append(perf_counter() - began)
    return min(seconds)
