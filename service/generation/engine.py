"""The engine: many completions generated together, one token of each at every step. It knows nothing about text.

    engine = Engine(runner)
    for token in engine.generate([504, 1418], SamplingParams(max_tokens=8), eos_ids={2}):
        ...                                            # token ids as they come; close() ends the work

One thread runs while there is work, and it alone touches the runner. Rows join and leave the batch between steps
(continuous batching); prompts are prefilled in chunks between the steps of the rows that decode.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections.abc import Callable, Collection
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ModelNotReady, PredictionFailed, ServiceError
from .batch import Batch, Row
from .constraint import Guide, no_guide
from .cost_model import StepCostModel
from .engine_load import EngineLoad
from .runner import Runner
from .runner_calls import RunnerCalls
from .sequence import Sequence
from .suspects import Suspects
from .waiting_queue import WaitingQueue

if TYPE_CHECKING:
    from .params import SamplingParams

__all__ = ["Engine"]

log = logging.getLogger(__name__)


class Engine:
    """Continuous batching over the slots of a runner.

    capacity: tokens that one sequence may take, prompt and completion. failure: why it serves no more, or None.
    """

    def __init__(
        self,
        runner: Runner,
        *,
        kv_bytes: int = 2**30,
        prefix_bytes: int = 2**28,
        max_waiting: int = 64,
        max_waiting_tokens: int = 65_536,
        guides: Callable[[str], Guide] = no_guide,
        suspects: Suspects | None = None,
    ) -> None:
        """kv_bytes: of keys and values of all rows. prefix_bytes: of those kept of finished sequences.

        max_waiting, max_waiting_tokens: bounds of the queue, of sequences and of prompt tokens. guides: makes the
        Guide of a grammar. suspects: prompts that have ended engines before.
        """
        self.calls = RunnerCalls(runner, suspects or Suspects())
        self.seconds = self.calls.seconds
        self.proven = False  # whether the model's example was replayed; set by whoever does
        self._guides = guides
        self.failure: str | None = None
        self._budget = kv_bytes // runner.slots.bytes_per_token  # tokens of all rows
        self.capacity = min(runner.slots.length, self._budget)
        self._batch = Batch(runner.slots, prefix_bytes)
        self._queue = WaitingQueue(slots=runner.slots.count, max_waiting=max_waiting, max_tokens=max_waiting_tokens)
        self._costs = StepCostModel()
        self._lock = threading.Lock()  # over _queue, _thread and _stopping; never held while the runner works
        self._thread: threading.Thread | None = None
        self._stopping = False
        ENGINES.add(self)

    @property
    def runner(self) -> Runner:
        return self.calls.runner

    # --- for any thread

    def generate(
        self,
        prompt_ids: list[int],
        params: SamplingParams,
        eos_ids: Collection[int] = (),
        grammar: str | None = None,
    ) -> Sequence:
        """A Sequence: an iterator of at most params.max_tokens token ids, not yet started.

        prompt_ids: at least one id; with max_tokens, `capacity` at most. eos_ids: the model's end tokens: the first
        that is generated ends the sequence, and is its last. grammar: restricts the tokens that may be sampled
        (constraint). Raises InvalidParameters where the grammar cannot be followed.
        """
        guide = None if grammar is None else self._guides(grammar)
        return Sequence(self, prompt_ids, params, params.end_ids(eos_ids), guide)

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence. Raises Overloaded, ModelNotReady, PredictionFailed for a prompt that has ended two
        engines, or ValueError for one longer than `capacity`."""
        if sequence.reserved > self.capacity:
            raise ValueError(
                f"a sequence of {sequence.reserved} tokens is longer than {self.capacity}, the most served"
            )
        self.calls.suspects.check(sequence.digest)
        with self._lock:
            if self.failure or self._stopping:
                raise ModelNotReady(self.failure or "the engine is stopping")
            self._queue.add(sequence, running=len(self._batch), seconds=self._seconds_to_wait())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="daylight-engine", daemon=True)
                self._thread.start()

    def withdraw(self, sequence: Sequence) -> None:
        """A sequence was cancelled: it leaves the queue at once; a running one leaves its slot at the next step."""
        with self._lock:
            if self._queue.remove(sequence):
                sequence.finish()

    def load(self) -> EngineLoad:
        with self._lock:
            batch, queue, prefixes = self._batch, self._queue, self._batch.prefixes
            wait = self._seconds_to_wait() if queue or not batch.free_slots else 0.0
            kv, reused = batch.reserved / self._budget, batch.reused_tokens
            return EngineLoad(len(batch), len(queue), queue.tokens, wait, kv, prefixes.bytes, len(prefixes), reused)

    def stop(self) -> None:
        """End every sequence, and the thread; nothing can be submitted afterwards."""
        with self._lock:
            self._stopping, thread = True, self._thread
        if thread is not None:
            thread.join()

    def _seconds_to_wait(self) -> int:
        """Estimated seconds until the next sequence ends."""
        sequences = [*(row.sequence for row in list(self._batch.rows)), *self._queue]
        steps = sum(sequence.reserved - sequence.length for sequence in sequences) / max(1, len(self._batch))
        return self._costs.wait_seconds(steps=steps, tokens=self._queue.tokens, sequences=len(sequences))

    # --- the engine's thread

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._stopping:
                    self._end_all(None)
                if not (self._queue or self._batch):
                    self.calls.suspects.working([])
                    self._thread = None
                    return
            try:
                self._turn()
            except Exception:
                log.exception("the engine failed")
                self._give_up()

    def _turn(self) -> None:
        """Prefill prompts for as long as the rows that decode may pause, then run one decode step."""
        self._drop_cancelled()
        began, spent = perf_counter(), 0.0
        while joining := self._batch.joining or self._start_next():
            size = self._chunk_size(joining, spent)
            if not size:
                break
            self._prefill(joining, size)
            self._drop_cancelled()
            spent = perf_counter() - began
        if self._batch.rows:
            self._decode()

    def _drop_cancelled(self) -> None:
        for row in reversed([*self._batch]):
            if row.sequence.cancelled:
                self._remove(row)

    def _start_next(self) -> Row | None:
        """Give the head of the queue a slot; None if the queue is empty or a slot or KV memory is lacking."""
        with self._lock:
            if not self._batch.free_slots:
                return None
            sequence = self._queue.next(self._may_join)
            if sequence is None or self._batch.reserved + sequence.reserved > self._budget:
                return None  # strict FIFO: later, smaller requests must not starve this one
            self._queue.remove(sequence)
            joining = self._batch.start(sequence)
        self._batch.reuse_prefix(joining)
        return joining

    def _may_join(self, sequence: Sequence) -> bool:
        """Whether the batch takes it now: of prompts during which an engine died, one at a time."""
        if sequence.digest not in self.calls.suspects:
            return True
        return not any(row.sequence.digest in self.calls.suspects for row in self._batch)

    def _chunk_size(self, joining: Row, spent: float) -> int:
        remaining = joining.sequence.length - joining.held
        prompts = min(1 + len(self._queue), 1 + self._batch.free_slots)  # that join, or could
        return self._costs.chunk_size(remaining, spent, decoding=len(self._batch.rows), joining=prompts)

    def _prefill(self, joining: Row, size: int) -> None:
        """Read a chunk of the joining row's prompt; after the last chunk it gets its first token and decodes."""
        ids = joining.unread(size)
        began = perf_counter()
        logits = self.calls.extend(joining, ids)
        if logits is None:  # safe to retry: the same keys and values are written to the same places
            logits = self.calls.extend(joining, ids)
        if logits is None:
            if self.calls.slot_works(joining.slot):
                self._remove(joining, failed())
            else:
                self._give_up()
            return
        self._costs.record_prefill(perf_counter() - began, tokens=len(ids))
        joining.held += len(ids)
        if joining.held == joining.sequence.length:
            self._batch.join(joining)
            self._advance([joining], logits[None])

    def _decode(self) -> None:
        """The next token of every row."""
        rows = list(self._batch.rows)
        began = perf_counter()
        logits = self.calls.step(rows)
        if logits is None:
            self._decode_one_by_one(rows)
            return
        self._costs.record_step(perf_counter() - began, rows=len(rows))
        self._advance(rows, logits)

    def _decode_one_by_one(self, rows: list[Row]) -> None:
        """The step failed: decode each row by itself, so that only the rows that fail again end."""
        failing = []
        for row in reversed(rows):
            logits = self.calls.extend(row, row.unread(1))
            if logits is None:
                failing.append(row)
            else:
                self._advance([row], logits[None])
        if len(failing) == len(rows) and not self.calls.slot_works(failing[0].slot):
            self._give_up()
            return
        for row in failing:
            self._remove(row, failed())

    def _advance(self, rows: list[Row], logits: np.ndarray) -> None:
        """Sample the next token of each row, and remove the rows that have ended."""
        ended: list[tuple[Row, Exception | None]] = []
        for row, scores in zip(rows, logits, strict=True):
            row.held = row.sequence.length
            try:
                if row.sequence.advance(scores):
                    ended.append((row, None))
            except ServiceError as error:
                ended.append((row, error))
            except Exception:
                log.exception("a token could not be sampled")
                ended.append((row, failed()))
        for row, cause in reversed(ended):  # from the last slot on: the fewest rows move
            self._remove(row, cause)

    def _remove(self, row: Row, error: Exception | None = None) -> None:
        self._batch.remove(row, keep_prefix=error is None)
        if row.sequence.digest in self.calls.suspects:
            self.calls.suspects.cleared([row.sequence.digest])
        row.sequence.finish(error)

    # --- failures

    def _give_up(self) -> None:
        with self._lock:
            self.failure = "the engine failed and serves no more; the server's log says why"
            self._end_all(self.failure)

    def _end_all(self, failure: str | None) -> None:
        """End every sequence: with an error, or as cancelled where `failure` is None. The lock is held."""
        sequences = [*(row.sequence for row in self._batch), *self._queue]
        self._batch.clear()
        self._queue.clear()
        for sequence in sequences:
            sequence.cancelled = failure is None
            sequence.finish(ModelNotReady(failure) if failure else None)


def failed() -> PredictionFailed:
    return PredictionFailed("the model failed while generating")


ENGINES: weakref.WeakSet[Engine] = weakref.WeakSet()


@atexit.register
def stop_all() -> None:
    """End the engines' threads, each within a step: one inside ONNX Runtime would crash while Python unloads it."""
    for engine in list(ENGINES):
        engine.stop()
