"""The prediction log: what was asked and answered, in files, to be looked at, and replayed with another version.

    log = PredictionLog(settings, meter)            # an Observer
    log.answered(model, call, answer, context)      # takes references, and returns

Nothing is made or written on the way of a request. A thread, one a worker, makes the rows and writes them. What waits
for it is bounded by the size of the bodies: beyond it answers are not logged, and counted instead. A worker that is
killed loses what waits; one that ends in any other way loses nothing.
"""

from __future__ import annotations

import atexit
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .check import check_prediction_log
from .files import Counts, LineFile, LogFiles, delete_old
from .hiding import Hiding
from .records import LOGGED, Answered, Records, fields_of, row_count

if TYPE_CHECKING:
    from ...settings import Settings
    from ..metrics import Meter

__all__ = ["PredictionLog"]

log = logging.getLogger(__name__)

HELD = 0.05  # seconds that an answer waits for others: they are written together
LOOK = 60.0  # seconds between two looks for files that are old
DAY = 86_400
WAITING = 2**24  # bytes of bodies that may wait; as Python's objects they take a few times as much
SMALLEST = 1024  # bytes that an answered request takes at least
AT_ONCE = 256  # requests whose rows are made and written together


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
        self._due = threading.Lock()  # released by whoever adds something, taken by the thread that writes
        self._due.acquire()
        self._writing = threading.Lock()  # one thread writes at a time: the log's own, or the last of the process
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._failure: str | None = None  # as last logged
        self._next_look = 0.0
        self._records = Records(self._hiding)
        self._files = LogFiles(
            Path(settings.prediction_log),
            self._file_class(),
            file_bytes=settings.prediction_log_file_bytes,
            file_seconds=settings.prediction_log_file_seconds,
            count=self._count,
        )

    def _file_class(self) -> type[Any]:
        if self._settings.prediction_log_format == "jsonl":
            return LineFile
        from .parquet import ParquetFile  # pyarrow's memory is saved where none is written

        return ParquetFile

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
        self._size += max(context.size, SMALLEST)
        self._waiting.append(Answered(time.time(), context.id, context.trace, model, call, answer))
        if self._thread is None:  # of an application that no gunicorn worker runs
            self.start()
        if self._due.locked():
            with suppress(RuntimeError):  # another thread was quicker
                self._due.release()

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
            self._due.acquire(timeout=LOOK)
            time.sleep(HELD)
            self.flush()

    def flush(self) -> None:
        """Write what waits, and look for old files. Raises nothing: what is lost is counted, and told once."""
        with self._writing:
            failure = None
            try:
                self._write()
                self._look_for_old()
            except OSError as error:
                failure = f"{error.strerror}: {error.filename or self._settings.prediction_log}"
            except Exception as error:  # requests are answered all the same
                failure = f"{type(error).__name__}: {error}"
            if failure and failure != self._failure:
                log.error("the prediction log loses rows: %s", failure)
            self._failure = failure or (self._failure if self._waiting else None)

    def end(self) -> None:
        """Write what waits, and finish the files."""
        self.flush()
        with self._writing, suppress(OSError):
            self._files.close()

    def _write(self) -> None:
        self._size = 0
        left, failed = len(self._waiting), None
        while left > 0:
            rows: dict[Any, list[dict[str, Any]]] = {}  # by model; one of each version
            for _ in range(min(left, AT_ONCE)):
                answered = self._waiting.popleft()
                try:
                    rows.setdefault(answered.model, []).extend(self._records.of(answered))
                except Exception as error:  # an answer of a model's own code may be anything
                    failed = error
                    self._count(answered.model.name, Counts(lost=row_count(answered.call)))
            left -= AT_ONCE
            for model, its_rows in rows.items():
                try:
                    self._files.write(model, its_rows)
                except OSError as error:
                    failed = error
        if failed is not None:
            raise failed

    def _look_for_old(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + min(LOOK, self._settings.prediction_log_file_seconds or LOOK)
        self._files.end_old()
        settings = self._settings
        delete_old(
            self._files.folder,
            keep_bytes=settings.prediction_log_keep_bytes,
            keep_seconds=settings.prediction_log_keep_days * DAY,
        )

    def _count(self, model: str, counts: Counts) -> None:
        if counts.written:
            self._meter.add("daylight_prediction_log_rows", counts.written, model=model)
        if counts.lost:
            self._meter.add("daylight_prediction_log_dropped", counts.lost, model=model, why="write")
