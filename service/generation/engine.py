"""The engine: many completions written together, a token of each at every step. It knows nothing about text.

engine = Engine(runner)                            # a OnnxRunner, or a TorchRunner
for token in engine.generate([504, 1418], SamplingParams(max_tokens=8), eos_ids={2}):
    ...                                            # ids as they come; close() ends the work

One thread runs while there is work, and it alone touches the runner. Rows come and go at any step.
"""

import atexit
import logging
import threading
import weakref
from time import perf_counter

from ..errors import ModelNotReady, PredictionFailed, ServiceError
from .cost_model import StepCostModel
from .prefix_cache import PrefixCache, common_prefix
from .sequence import Sequence
from .waiting_queue import WaitingQueue

__all__ = ["Engine"]

log = logging.getLogger(__name__)

SHORTEST_PREFIX = 8  # reading so few tokens costs no more than copying them


class Engine:
    """Continuous batching over the slots of a runner.

    A runner has `slots` (count, length, bytes_per_token, divisible, copy, read, write, clear) and
    `extend(slot, ids, held)` and `step(ids, held)`, which give logits.
    """

    def __init__(self, runner, *, kv_bytes=2**30, prefix_bytes=2**28, max_waiting=64, max_waiting_tokens=65_536):
        """kv_bytes: of keys and values of all rows together. max_waiting, max_waiting_tokens: beyond, Overloaded."""
        self.runner = runner
        self.failure = None  # why it serves no more: a message
        self.capacity = min(runner.slots.length, kv_bytes // runner.slots.bytes_per_token)  # tokens of one row
        self._budget = kv_bytes // runner.slots.bytes_per_token  # tokens of all rows
        self._prefixes = PrefixCache(prefix_bytes)
        self._line = WaitingQueue(slots=runner.slots.count, max_waiting=max_waiting, max_tokens=max_waiting_tokens)
        self._joining = None  # the one row whose prompt is being read
        self._rows = []  # a row's place here is its slot
        self._pace = StepCostModel()
        self._lock = threading.Lock()  # over _line, _thread and _stopping; never held while the runner works
        self._thread, self._stopping = None, False
        ENGINES.add(self)

    # --- for callers, on any thread

    def generate(self, prompt_ids, params, eos_ids=(), guide=None):
        """A Sequence: an iterator of token ids, at most params.max_tokens; an end token is one of them, and the last.

        prompt_ids: at least one id; with max_tokens, `capacity` at most. Nothing runs before it is started.
        guide: what says which tokens may come, where not all may (a Guide).
        """
        ends = frozenset(params.stop_token_ids) | (frozenset() if params.ignore_eos else frozenset(eos_ids))
        return Sequence(self, prompt_ids, params, ends, guide)

    def submit(self, sequence):
        if sequence.reserved > self.capacity:
            raise ValueError(f"{sequence.reserved} tokens; a row has {self.capacity}")
        with self._lock:
            if self.failure or self._stopping:
                raise ModelNotReady(self.failure or "the engine is stopping")
            self._line.add(sequence, running=self._running, seconds=self._seconds_of_work())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="daylight-engine", daemon=True)
                self._thread.start()

    def withdraw(self, sequence):
        """A sequence was cancelled: out of the queue at once; off its slot at the next step."""
        with self._lock:
            if self._line.remove(sequence):
                sequence.finish()

    def load(self):
        """{"running", "waiting": sequences; "waiting_tokens": of their prompts; "kept_prefixes"}"""
        with self._lock:
            return {
                "running": self._running,
                "waiting": len(self._line),
                "waiting_tokens": self._line.tokens,
                "kept_prefixes": len(self._prefixes),
            }

    def stop(self):
        """End every sequence, and the thread. Afterwards nothing is taken."""
        with self._lock:
            self._stopping, thread = True, self._thread
        if thread is not None:
            thread.join()

    @property
    def _running(self):
        return len(self._rows) + (self._joining is not None)

    def _seconds_of_work(self):
        """About how long it takes, from now on, until another one is through."""
        inside = [*self._rows, *self._line]
        steps = sum(one.reserved - one.length for one in inside) / max(1, self._running)
        return self._pace.wait(steps=steps, tokens=self._line.tokens, texts=len(inside))

    # --- the engine's thread

    def _work(self):
        while True:
            with self._lock:
                if self._stopping:
                    self._abandon(None)
                if not (self._line or self._joining or self._rows):
                    self._thread = None
                    return
            try:
                self._turn()
            except Exception:
                log.exception("the engine failed")
                self._give_up()

    def _turn(self):
        self._drop_cancelled()
        began, spent = perf_counter(), 0.0
        while self._admit() and (size := self._chunk(spent)):
            self._read_prompt(size)
            self._drop_cancelled()
            spent = perf_counter() - began
        if self._rows:
            self._write()

    def _drop_cancelled(self):
        if self._joining and self._joining.cancelled:
            self._leave_joining()
        for row in reversed(self._rows):
            if row.cancelled:
                self._leave(row)

    def _admit(self):
        """Whether a row is joining: one that was, or the first in the line, if a slot and the budget allow it."""
        if self._joining:
            return True
        with self._lock:
            if not self._line or len(self._rows) == self.runner.slots.count:
                return False
            if sum(row.reserved for row in self._rows) + self._line.first.reserved > self._budget:
                return False  # and nobody overtakes
            self._joining = self._line.pop()
        self._joining.slot = len(self._rows)
        self._reuse(self._joining)
        return True

    def _reuse(self, joining):
        """Take over what another text that begins alike has already in keys and values."""
        if not self.runner.slots.divisible:
            return
        length, kept = self._prefixes.find(joining.ids)
        neighbour = max(self._rows, key=lambda row: common_prefix(joining.ids, row.ids[: row.held]), default=None)
        beside = common_prefix(joining.ids, neighbour.ids[: neighbour.held]) if neighbour else 0
        usable = min(max(length, beside), joining.prompt_tokens - 1)  # the last token's logits are needed
        if usable < SHORTEST_PREFIX:
            return
        if beside >= length:
            self.runner.slots.copy(neighbour.slot, joining.slot, usable)
        else:
            self.runner.slots.write(joining.slot, kept, usable)
        joining.held = usable

    def _chunk(self, spent):
        joining = min(1 + len(self._line), self.runner.slots.count - len(self._rows))
        left = self._joining.length - self._joining.held
        return self._pace.chunk(left, spent, writing=len(self._rows), joining=joining)

    def _read_prompt(self, size):
        """A chunk of the joining row's prompt; after its last, the row has its first token and is one of the others."""
        joining = self._joining
        ids = joining.unread(size)
        began = perf_counter()
        logits = self._tried(self.runner.extend, joining.slot, ids, joining.held)
        if logits is None:  # it may be tried again: the same keys and values are written to the same places
            logits = self._tried(self.runner.extend, joining.slot, ids, joining.held)
        if logits is None:
            return self._leave_joining(failed())
        self._pace.read(perf_counter() - began, tokens=len(ids))
        joining.held += len(ids)
        if joining.held == joining.length:
            self._join(joining, logits)
        return None

    def _join(self, joining, logits):
        slot = len(self._rows)
        if joining.slot != slot:  # rows left while its prompt was read
            self.runner.slots.copy(joining.slot, slot, joining.held)
            self.runner.slots.clear(joining.slot)
            joining.slot = slot
        self._rows.append(joining)
        self._joining = None
        self._take([joining], logits[None])

    def _write(self):
        """The next token of every row."""
        rows = list(self._rows)
        began = perf_counter()
        logits = self._tried(self.runner.step, [int(row.ids[-1]) for row in rows], [row.held for row in rows])
        if logits is None:
            return self._write_alone(rows)
        self._pace.stepped(perf_counter() - began, rows=len(rows))
        self._take(rows, logits)
        return None

    def _write_alone(self, rows):
        """The step failed: each row by itself, so that the one which cannot be written ends alone."""
        refused = []
        for row in reversed(rows):
            logits = self._tried(self.runner.extend, row.slot, row.unread(1), row.held)
            if logits is None:
                refused.append(row)
            else:
                self._take([row], logits[None])
        if len(refused) == len(rows) and not self._alive(refused[0].slot):
            return self._give_up()
        for row in refused:
            self._leave(row, failed())
        return None

    def _take(self, rows, logits):
        """Give every row its token; those for which it was the last leave, the last slot first."""
        ended = []
        for row, scores in zip(rows, logits, strict=True):
            row.held = row.length
            try:
                if row.advance(scores):
                    ended.append((row, None))
            except ServiceError as error:
                ended.append((row, error))
            except Exception:
                log.exception("a token could not be drawn")
                ended.append((row, failed()))
        for row, error in reversed(ended):
            self._leave(row, error)

    def _leave(self, row, error=None):
        """A row's slot is free, and the last row moves into the hole."""
        slots, slot, last = self.runner.slots, row.slot, self._rows.pop()
        if slots.divisible and not error and row.held >= SHORTEST_PREFIX:
            size = row.held * slots.bytes_per_token
            self._prefixes.keep(row.ids[: row.held], size, lambda: slots.read(slot, row.held))
        if last is not row:
            slots.copy(last.slot, slot, last.held)
            self._rows[slot] = last
        slots.clear(last.slot)
        last.slot, row.slot = slot, None
        row.finish(error)

    def _leave_joining(self, error=None):
        joining = self._joining
        if error and not self._alive(joining.slot):
            return self._give_up()
        self._joining = None
        self.runner.slots.clear(joining.slot)
        joining.finish(error)
        return None

    # --- failures

    def _tried(self, call, *arguments):
        """What the runner gives; None where it raises, and then the cause is in the log."""
        try:
            return call(*arguments)
        except Exception:
            log.exception("the model raised while generating")
            return None

    def _alive(self, slot):
        """Whether it was the row that failed, and not the engine: one token, in a slot nobody needs any more."""
        return self._tried(self.runner.extend, slot, [0], 0) is not None

    def _give_up(self):
        with self._lock:
            self.failure = "the engine failed and serves no more; the server's log says why"
            self._abandon(self.failure)

    def _abandon(self, told):
        """End all there is, with an error where `told` says why. The lock is held."""
        everyone = [*self._rows, *([self._joining] if self._joining else []), *self._line]
        self._rows.clear()
        self._line.clear()
        self._joining = None
        for sequence in everyone:
            sequence.cancelled = not told
            sequence.finish(ModelNotReady(told) if told else None)


def failed():
    return PredictionFailed("the model failed while generating")


ENGINES = weakref.WeakSet()


@atexit.register
def stop_all():
    """A thread inside ONNX Runtime while the process unloads it would crash: it ends first, within a step."""
    for engine in list(ENGINES):
        engine.stop()
