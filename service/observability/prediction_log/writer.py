"""python -m daylight.observability.prediction_log.writer: writes the prediction log of one worker.

The worker starts it (process.py). Frames come on stdin as `frame` makes them: first the settings, then each version of
a model once, and what was kept of answered calls. What became of the rows goes to stdout, a line of JSON for each
model. It ends with the worker, however that ends, and finishes its files then.
"""

from __future__ import annotations

import logging
import marshal
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from .. import access_log
from .files import Counts, LineFile, LogFiles, delete_old
from .hiding import Hiding
from .records import Records

__all__ = ["LENGTH", "frame"]

log = logging.getLogger(__name__)

LENGTH = struct.Struct("<I")
NICE = 10  # the workers go before it
LOOK = 60.0  # seconds between two looks for old files
IDLE = 1.0  # seconds without an answer after which it looks at the clock
DAY = 86_400


def frame(value: Any) -> bytes:
    """Plain values as bytes, behind their length."""
    content = marshal.dumps(value)
    return LENGTH.pack(len(content)) + content


def frames(file: FileIO, idle: float) -> Iterator[Any]:
    """Yield what the frames of a file hold, and None after so many seconds without any; ends with the file.

    A frame that breaks off is one of a worker that was killed.
    """
    while True:
        if not select.select([file], [], [], idle)[0]:
            yield None
            continue
        head = exactly(file, LENGTH.size)
        if len(head) < LENGTH.size:
            return
        (length,) = LENGTH.unpack(head)
        content = exactly(file, length)
        if len(content) < length:
            return
        yield marshal.loads(content)


def exactly(file: FileIO, size: int) -> bytes:
    """So many bytes, or fewer at the end of the file."""
    pieces = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


class Writer:
    """settings: {field of Settings: value}, those of the log. told: gets {"model", "written", "lost"}, a line each."""

    def __init__(self, settings: dict[str, Any], told: BinaryIO) -> None:
        self._settings, self._told = settings, told
        self._records = Records(
            Hiding(settings["prediction_log_redact"], settings["prediction_log_hash"], settings["prediction_log_key"])
        )
        self._versions: dict[int, tuple[dict[str, Any], Any]] = {}  # number -> (as described, what is hidden)
        self._failure: str | None = None  # as last logged
        self._next_look = 0.0
        opening: type[Any] = LineFile
        if settings["prediction_log_format"] == "parquet":
            from .parquet import ParquetFile  # pyarrow's memory is saved where none is written

            opening = ParquetFile
        self._files = LogFiles(
            Path(settings["prediction_log"]),
            opening,
            file_bytes=settings["prediction_log_file_bytes"],
            file_seconds=settings["prediction_log_file_seconds"],
            count=self._count,
        )

    def take(self, message: Any) -> None:
        """One frame: (number, as described) of a version, or a list of (number, packed). None: time has passed."""
        failure = None
        try:
            if type(message) is tuple:
                number, described = message
                self._versions[number] = described, self._records.hidden(described)
            elif message:
                failure = self._write(message)
            self._look_for_old()
        except OSError as error:
            failure = error
        self._tell(failure, tried=bool(message))

    def end(self) -> None:
        try:
            self._files.close()
        except OSError as error:
            self._tell(error, tried=True)

    def _write(self, answers: list[tuple[int, bytes]]) -> Exception | None:
        rows: dict[int, list[dict[str, Any]]] = {}
        failure: Exception | None = None
        for number, content in answers:
            described, hidden = self._versions[number]
            taken = marshal.loads(content)
            try:
                rows.setdefault(number, []).extend(self._records.of(described, hidden, taken))
            except Exception as error:  # an answer of a model's own code may be anything
                failure = error
                self._count(described["name"], Counts(lost=len(next(iter(taken[5].values())))))
        for number, its_rows in rows.items():
            try:
                if its_rows:
                    self._files.write(*self._versions[number], its_rows)
            except OSError as error:
                failure = error
        return failure

    def _look_for_old(self) -> None:
        now, settings = time.monotonic(), self._settings
        if now < self._next_look:
            return
        self._next_look = now + min(LOOK, settings["prediction_log_file_seconds"] or LOOK)
        self._files.end_old()
        keep = settings["prediction_log_keep_days"] * DAY
        delete_old(self._files.folder, keep_bytes=settings["prediction_log_keep_bytes"], keep_seconds=keep)

    def _tell(self, error: Exception | None, *, tried: bool) -> None:
        """Log a failure where it is another than the last, until something was written again."""
        failure = f"{type(error).__name__}: {error}" if error else None
        if failure and failure != self._failure:
            log.error("the prediction log loses rows: %s", failure)
        if failure or tried:
            self._failure = failure

    def _count(self, model: str, counts: Counts) -> None:
        self._told.write(orjson.dumps({"model": model, "written": counts.written, "lost": counts.lost}) + b"\n")
        self._told.flush()


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole terminal, or service; the worker decides
    os.nice(NICE)
    came = frames(FileIO(sys.stdin.fileno(), closefd=False), IDLE)
    settings = next(came)
    access_log.configure(settings["log_format"])
    writer = Writer(settings, sys.stdout.buffer)
    try:
        for message in came:
            writer.take(message)
    finally:
        writer.end()


if __name__ == "__main__":
    main()
