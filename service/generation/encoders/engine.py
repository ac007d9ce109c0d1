"""The engine of an encoder: the texts of all requests, in batches of like length. It knows nothing about text.

    engine = EncoderEngine(runner)
    engine.encode([Row(ids), ...])                  # float32 [texts, width]

One thread runs while there is work, and it alone touches the runner. It never waits for a batch to fill: what is there
when the last batch ends runs next.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from math import ceil
from time import perf_counter
from typing import Protocol

import numpy as np

from ...errors import DeadlineExceeded, ModelNotReady, Overloaded, PayloadTooLarge, PredictionFailed
from ..cost_model import running_mean
from ..engine_load import EngineLoad
from ..runner_calls import WatchedCalls
from ..suspects import Suspects, prompt_digest
from .asker import awaited, expired
from .work import Job, Row, WaitingRows

__all__ = ["EncoderEngine", "Runner", "outcome"]

log = logging.getLogger(__name__)

LINGER = 1.0  # seconds that the thread waits for more work before it ends
LONGEST_RETRY = 60  # seconds
NEWEST_WEIGHT = 0.1  # of the newest batch in the mean


class Runner(Protocol):
    """width: numbers of a text."""

    @property
    def width(self) -> int: ...

    def run(self, rows: Sequence[Row]) -> list[np.ndarray]: ...


class EncoderEngine:
    """capacity: tokens that one request may bring, and that all may have waiting. failure: why it serves no more, or
    None. proven: whether the model's example was replayed; set by whoever does."""

    def __init__(self, runner: Runner, *, capacity: int = 65_536, suspects: Suspects | None = None) -> None:
        """suspects: texts that have ended engines before."""
        self.runner, self.capacity = runner, capacity
        self.proven = False
        self.failure: str | None = None
        self.calls = WatchedCalls(suspects or Suspects())
        self.seconds = self.calls.seconds
        self._changed = threading.Condition()  # over what follows; never held while the runner works
        self._waiting = WaitingRows()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._cost = 0.0  # seconds a token
        self._sound: Row | None = None

    # --- for any thread

    def encode(self, rows: Sequence[Row], deadline: float | None = None) -> np.ndarray:
        """float32 [texts, width], once all have run; of a graph that tells of each token [tokens of all texts, width].

        deadline: a `perf_counter()` moment, or None. Raises as `submit`, DeadlineExceeded or PredictionFailed.
        """
        ended = threading.Event()
        job = Job(rows, deadline, lambda _: ended.set())
        self.submit(job)
        try:
            awaited(lambda seconds: ended.wait(seconds) or None, deadline)
        except DeadlineExceeded:
            self.withdraw(job)
            raise
        return outcome(job)

    def submit(self, job: Job) -> None:
        """Queue a job. Raises PayloadTooLarge, Overloaded, ModelNotReady, or PredictionFailed for a text that has
        ended two engines."""
        tokens = job.tokens
        if tokens > self.capacity:
            raise PayloadTooLarge(
                f"the texts have {tokens} tokens together; a request may have {self.capacity}. Send them in several"
            )
        for row in job.rows if self.calls.suspects.deaths else ():
            self.calls.suspects.check(prompt_digest(row.ids))
        with self._changed:
            if self.failure or self._stopping:
                raise ModelNotReady(self.failure or "the engine is stopping")
            if self._waiting and self._waiting.tokens + tokens > self.capacity:
                raise Overloaded(
                    f"{self._waiting.tokens} tokens of other texts wait, and at most {self.capacity} may",
                    retry_after=min(LONGEST_RETRY, max(1, ceil(self._waiting.tokens * self._cost))),
                )
            self._waiting.add(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="daylight-encoder", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def withdraw(self, job: Job) -> None:
        """A job is given up: those of its rows that have not begun never will, and `done` is not called."""
        with self._changed:
            self._waiting.drop(job)
            job.ended = True

    def load(self) -> EngineLoad:
        with self._changed:
            tokens = self._waiting.tokens
            return EngineLoad(0, len(self._waiting), tokens, tokens * self._cost)

    def stop(self) -> None:
        """End every job, and the thread; nothing can be submitted afterwards."""
        with self._changed:
            self._stopping, thread = True, self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()

    # --- the engine's thread

    def _work(self) -> None:
        while True:
            with self._changed:
                if not (self._waiting or self._stopping or self.failure):
                    self.calls.suspects.working([])
                    self._changed.wait(LINGER)
                if self._stopping or self.failure:
                    jobs = self._all_waiting()
                    self._thread = None
                    break
                batch = self._waiting.next_batch()
                if not batch:
                    if self._waiting:
                        continue
                    self._thread = None
                    return
            try:
                self._run(batch)
            except Exception:
                log.exception("the engine failed")
                self.failure = "the engine failed and serves no more; the server's log says why"
                for job, _ in batch:
                    self._end(job, ModelNotReady(self.failure))
        for job in jobs:
            self._end(job, ModelNotReady(self.failure or "the engine is stopping"))

    def _all_waiting(self) -> list[Job]:
        """The jobs that wait, each once; none waits afterwards."""
        jobs: dict[int, Job] = {}
        while batch := self._waiting.next_batch():
            jobs |= {id(job): job for job, _ in batch}
        return list(jobs.values())

    def _run(self, batch: list[tuple[Job, int]]) -> None:
        now = perf_counter()
        for job in {id(job): job for job, _ in batch}.values():
            if job.deadline is not None and job.deadline <= now:
                self._end(job, expired())
        batch = [(job, place) for job, place in batch if not job.ended]
        suspected = [
            each
            for each in batch
            if self.calls.suspects.deaths and prompt_digest(row_of(each).ids) in self.calls.suspects
        ]
        for part in ([each for each in batch if each not in suspected], *([each] for each in suspected)):
            if part:
                self._run_together(part)

    def _run_together(self, batch: list[tuple[Job, int]]) -> None:
        rows = [row_of(each) for each in batch]
        results = self._attempt(rows)
        if results is None and len(rows) > 1:
            for each in batch:
                self._run_together([each])
            return
        if results is None:
            # Whose fault it was, the text that ran last shows, or before any has the beginning of this one.
            if self._attempt([self._sound or Row(rows[0].ids[:1])]) is None:
                raise RuntimeError("the runner fails for every text")
            self._end(batch[0][0], PredictionFailed("the model failed on a text"))
            return
        self._sound = rows[0]
        for (job, place), result in zip(batch, results, strict=True):
            job.results[place] = result
            job.left -= 1
            if not job.left:
                self._end(job)

    def _attempt(self, rows: Sequence[Row]) -> list[np.ndarray] | None:
        digests = [prompt_digest(row.ids) for row in rows]
        began = perf_counter()
        results = self.calls.attempt(digests, self._numbers, rows)
        if results is None:
            return None
        spent = (perf_counter() - began) / sum(len(row.ids) for row in rows)
        self._cost = running_mean(self._cost, spent, NEWEST_WEIGHT)
        if self.calls.suspects.deaths:
            self.calls.suspects.cleared(digests)
        return results

    def _numbers(self, rows: Sequence[Row]) -> list[np.ndarray]:
        results = self.runner.run(rows)
        if not all(np.isfinite(result).all() for result in results):
            raise ValueError("numbers that are NaN or infinite")
        return results

    def _end(self, job: Job, error: Exception | None = None) -> None:
        with self._changed:
            if job.ended:
                return
            self._waiting.drop(job)
            job.ended, job.error = True, error
        job.done(job)


def row_of(each: tuple[Job, int]) -> Row:
    job, place = each
    return job.rows[place]


def outcome(job: Job) -> np.ndarray:
    """The results of a job that has ended, one row a text, or a token. Raises what ended it."""
    if job.error is not None:
        raise job.error
    return np.concatenate([np.atleast_2d(result) for result in job.results if result is not None])
