"""The prediction log: what was asked and answered, in files, to be looked at, and replayed with another version.

    log = PredictionLog(settings, meter)            # an Observer
    log.answered(model, call, answer, context)      # takes references, and returns

Nothing is made or written on the way of a request. A thread, one a worker, sends what was answered to a process beside
the worker, which makes the rows and writes them (process.py, writer.py). What waits for the thread is bounded by the
size of the bodies: beyond it answers are not logged, and counted instead. A worker that is killed loses what waits; one
that ends in any other way loses nothing.
"""

from __future__ import annotations

import atexit
import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..bell import Bell
from .check import check_prediction_log
from .hiding import Hiding
from .process import WriterProcess
from .taking import LOGGED, Answered, describe, fields_of, packed, row_count

if TYPE_CHECKING:
    from ...settings import Settings
    from ..metrics import Meter

__all__ = ["PredictionLog"]

log = logging.getLogger(__name__)

HELD = 0.05  # seconds that an answer waits for others: they are sent together
LOOK = 1.0  # seconds between two looks at what the process has told
AGAIN = 5.0  # seconds after which a process is started in the place of one that has ended
END_SECONDS = 10.0  # that the end of a worker waits for the thread
WAITING = 2**24  # bytes of bodies that may wait; as Python's objects they take a few times as much
SMALLEST = 1024  # bytes that an answered request takes besides
AT_ONCE = 256  # requests that are sent together


class PredictionLog:
    """The log of one worker. meter: counts the rows."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        check_prediction_log(settings)
        self._settings, self._meter = settings, meter
        shares = dict(settings.prediction_log_share)
        self._shares, self._share = shares, shares.get("", 0.0)
        self._hiding = Hiding.of(settings)
        self._waiting: deque[Answered] = deque()  # its methods are atomic: no lock on the way of a request
        self._size = 0  # bytes that wait; about, where threads meet
        self._due = Bell()  # rung by whoever adds something, awaited by the thread that writes
        self._writing = threading.Lock()  # one thread writes at a time: the log's own, or the last of the process
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._process: WriterProcess | None = None
        self._failure = ""  # as last told
        self._next_start = 0.0  # moment before which no process is started
        self._numbers: dict[tuple[str, str], int] = {}  # of the versions that the process knows

    def check_names(self, models: Sequence[Any]) -> None:
        """Warn of what is to be hidden, or to be logged by a share, and that no model here has."""
        columns = {model.name: fields_of(model) for model in models}
        if unknown := self._hiding.unknown(columns):
            log.warning("the prediction log is to hide what no model here has: %s", ", ".join(unknown))
        if unknown := sorted(self._shares.keys() - columns.keys() - {""}):
            log.warning("DAYLIGHT_PREDICTION_LOG_SHARE names models that are not served: %s", ", ".join(unknown))

    # --- on the way of a request

    def answered(self, model: Any, call: Any, answer: Any, context: Any) -> None:
        """Take an answer, or leave it out of the sample."""
        share = self._shares.get(model.name, self._share)
        if share < 1.0 and random.random() >= share:
            return
        if call.capability not in LOGGED:
            return
        if self._size > WAITING:
            self._meter.add("daylight_prediction_log_dropped", row_count(call), model=model.name, why="queue")
            return
        self._size += context.size + SMALLEST
        self._waiting.append((time.time(), context.id, context.trace, model, call, answer))
        if self._thread is None:  # of an application that no gunicorn worker runs
            self.start()
        self._due.ring()

    def refused(self, model: Any, call: Any, error: Any) -> None:
        """What was refused is not logged."""

    def start(self) -> None:
        """Start the thread, in the process that answers: it would not survive a fork."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="daylight-prediction-log", daemon=True)
                self._thread.start()
                atexit.register(self.end)

    # --- the thread

    def _run(self) -> None:
        while True:
            self._due.wait(LOOK)
            time.sleep(HELD)
            with self._writing:
                self._send_waiting()

    def end(self) -> None:
        """Send what waits, and let the process finish its files."""
        if self._writing.acquire(timeout=END_SECONDS):  # the thread may wait for a disk that does not answer
            try:
                self._send_waiting()
                self._end_process()
            finally:
                self._writing.release()

    def _send_waiting(self) -> None:
        """Send what waits. Raises nothing: requests are answered whatever becomes of the log."""
        self._size = 0
        left = len(self._waiting)
        while left > 0:
            batch = [self._waiting.popleft() for _ in range(min(left, AT_ONCE))]
            left -= len(batch)
            process = self._started()
            if process is None:
                for answered in batch:
                    self._lost(answered)
                continue
            try:
                self._send(process, batch)
            except OSError as error:
                self._give_up(error)
        if self._process is not None:
            self._process.counts()

    def _started(self) -> WriterProcess | None:
        """The process; None where it cannot be started, or has ended just now."""
        if self._process is None and time.monotonic() >= self._next_start:
            try:
                self._process, self._numbers = WriterProcess(self._settings, self._count), {}
            except OSError as error:
                self._give_up(error)
        return self._process

    def _send(self, process: WriterProcess, batch: Sequence[Answered]) -> None:
        """Raises OSError where the process takes nothing any more."""
        answers: list[tuple[int, bytes]] = []
        new: list[tuple[int, dict[str, Any]]] = []
        rows: Counter[str] = Counter()
        for answered in batch:
            try:
                content, count = packed(answered)
                model = answered[3]
                number = self._number(model, new)
            except Exception as error:  # an answer of a model's own code may be anything
                self._tell_once(f"the prediction log cannot read an answer: {type(error).__name__}: {error}")
                self._lost(answered)
                continue
            answers.append((number, content))
            rows[model.name] += count
        process.send(new, answers, rows)

    def _number(self, model: Any, new: list[tuple[int, dict[str, Any]]]) -> int:
        """The number of a version; where the process does not know it yet, it is added to what is `new`."""
        key = model.name, model.version
        if key not in self._numbers:
            new.append((len(self._numbers), describe(model)))
            self._numbers[key] = len(self._numbers)
        return self._numbers[key]

    def _tell_once(self, failure: str) -> None:
        """Log a failure where it is another than the last: a model may fail alike with each answer."""
        if failure != self._failure:
            log.error("%s", failure)
        self._failure = failure

    def _give_up(self, error: OSError) -> None:
        log.error("the prediction log loses rows: %s: %s", type(error).__name__, error)
        self._end_process()
        self._next_start = time.monotonic() + AGAIN

    def _end_process(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.end()

    def _lost(self, answered: Answered) -> None:
        _, _, _, model, call, _ = answered
        self._count(model.name, 0, row_count(call))

    def _count(self, model: str, written: int, lost: int) -> None:
        if written:
            self._meter.add("daylight_prediction_log_rows", written, model=model)
        if lost:
            self._meter.add("daylight_prediction_log_dropped", lost, model=model, why="write")
