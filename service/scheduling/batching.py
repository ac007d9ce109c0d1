"""Requests that wait for the same model at the same moment are predicted in one call.

    runtime = Batched(runtime)              # the same `run(X, methods)`, safe to call from many threads
    runtime.run(X, ["predict"]).queued      # seconds spent waiting for the others

It knows arrays and nothing of models. A request that finds the model idle runs at once, alone; those that
come meanwhile wait, and go together when it is done. The answer to a row is what the model gives for it
within that batch: the same as alone but for the last bits of a float, where a library adds in another order.
"""

import logging
import threading
from time import perf_counter

import numpy as np

from ..errors import DeadlineExceeded
from .admission import caller

__all__ = ["Batched", "Results", "batched"]

log = logging.getLogger(__name__)

SMALL = 32  # rows of a request that may share a call; a larger one is worth its own
LARGEST = 256  # rows of one call
ROWS = 8  # how many are tried together when a model is loaded, and ...
GAIN = 2  # ... how many times faster together than one by one they have to be
WORTH = 100e-6  # seconds: a call that takes less is over before its neighbours can be told of each other


class Results(dict):
    """{method: what it returned}. `queued`: seconds that the rows waited before their call began."""

    queued = 0.0


class Job:
    """One request's rows, from the moment they wait until their thread takes the results away."""

    def __init__(self, X):
        self.X = X
        self.came = perf_counter()
        self.deadline = caller.deadline
        self.turn = threading.Lock()  # held until there is something to do: results to take, or a batch to lead
        self.turn.acquire()
        self.batch = None  # the jobs that this one's thread runs; None where another thread did
        self.results = self.error = None


class Batched:
    """A runtime for array containers around another one."""

    def __init__(self, runtime):
        self.runtime = runtime
        self._guard = threading.Lock()
        self._running = set()  # kinds of call that somebody runs now
        self._waiting = {}  # kind -> jobs

    @property
    def waiting(self):
        """How many requests wait at this moment."""
        with self._guard:
            return sum(map(len, self._waiting.values()))

    def run(self, X, methods):
        """As the wrapped runtime's; raises what that raises for these rows."""
        if len(X) > SMALL:
            return self.runtime.run(X, methods)
        kind = (tuple(methods), X.dtype, X.shape[1:])
        with self._guard:
            idle = kind not in self._running
            if idle:
                self._running.add(kind)
            else:
                job = Job(X)
                self._waiting.setdefault(kind, []).append(job)
        if idle:
            try:
                return self.runtime.run(X, methods)
            finally:
                self._hand_over(kind)
        job.turn.acquire()
        if job.batch is not None:
            try:
                self._run_together(job.batch, methods)
            finally:
                self._hand_over(kind)
        if job.error is not None:
            raise job.error
        return job.results

    def _hand_over(self, kind):
        """Wake the first that waits, to run all that wait with it; or note that the model is idle."""
        with self._guard:
            waiting = self._waiting.pop(kind, None)
            if not waiting:
                self._running.discard(kind)
                return
            taken = rows = 0
            while taken < len(waiting) and rows + len(waiting[taken].X) <= LARGEST:
                rows += len(waiting[taken].X)
                taken += 1
            if taken < len(waiting):
                self._waiting[kind] = waiting[taken:]
        leader = waiting[0]
        leader.batch = waiting[:taken]
        leader.turn.release()

    def _run_together(self, jobs, methods):
        """Give every job its results or its error, and wake the threads of all but the first."""
        began = perf_counter()
        for job in jobs:
            if job.deadline is not None and job.deadline <= began:
                job.error = DeadlineExceeded("the time that the caller waits was over before the prediction began")
        wanted = [job for job in jobs if job.error is None]
        try:
            if len(wanted) > 1:
                self._share(wanted, methods)
        except Exception:  # some row fails, or the parts of the answer cannot be told apart
            log.info("%d requests failed together and are predicted one by one", len(wanted))
        for job in jobs:
            if job.results is None and job.error is None:
                self._run_alone(job, methods)
            if job.results is not None:
                job.results.queued = began - job.came
            if job is not jobs[0]:
                job.turn.release()

    def _share(self, jobs, methods):
        raw = self.runtime.run(np.concatenate([job.X for job in jobs]), methods)
        ends = np.cumsum([len(job.X) for job in jobs]).tolist()
        parts = [
            Results({name: part(one, end - len(job.X), end, ends[-1]) for name, one in raw.items()})
            for job, end in zip(jobs, ends, strict=True)
        ]
        for job, results in zip(jobs, parts, strict=True):
            job.results = results

    def _run_alone(self, job, methods):
        try:
            job.results = Results(self.runtime.run(job.X, methods))
        except BaseException as error:  # its own thread raises it
            job.error = error


def part(raw, start, end, rows):
    """Rows start:end of what a method returned for `rows` rows: an array, a frame, or a list of arrays by target."""
    if isinstance(raw, list):
        return [part(one, start, end, rows) for one in raw]
    if raw.shape[0] != rows:
        raise ValueError(f"{raw.shape[0]} rows came back for {rows}")
    return raw.iloc[start:end] if hasattr(raw, "iloc") else raw[start:end]


def batched(runtime, X, methods):
    """`runtime` wrapped, where that pays for this model; else as it is. X: some rows, [rows, columns].

    Measured, not guessed: one row against ROWS of them. And tried: each row has to get the same answer
    both ways, to 1e-6; a model whose answer to a row depends on its neighbours is never batched.
    """
    X = np.resize(X, (ROWS, *X.shape[1:]))
    methods = tuple(methods)
    try:
        together, alone = runtime.run(X, methods), [runtime.run(X[row : row + 1], methods) for row in range(ROWS)]
        for row, wanted in enumerate(alone):
            if not all(same(part(together[name], row, row + 1, ROWS), wanted[name]) for name in methods):
                return runtime
    except Exception:  # an answer that cannot be cut into rows
        return runtime
    one, many = (fastest(lambda rows=rows: runtime.run(X[:rows], methods[:1])) for rows in (1, ROWS))
    return Batched(runtime) if one > WORTH and many * GAIN < one * ROWS else runtime


def same(found, wanted):
    if isinstance(wanted, list):
        return all(map(same, found, wanted))
    if hasattr(wanted, "toarray"):
        found, wanted = found.toarray(), wanted.toarray()
    found, wanted = np.asarray(found), np.asarray(wanted)
    if wanted.dtype.kind in "fc":
        return np.allclose(found, wanted, rtol=1e-6, atol=1e-9, equal_nan=True)
    return bool(np.all(found == wanted))


def fastest(call, times=5, patience=0.1):
    """Seconds of the quickest of a few calls; of fewer where they take long."""
    taken = []
    while len(taken) < times and sum(taken) < patience:
        began = perf_counter()
        call()
        taken.append(perf_counter() - began)
    return min(taken)
