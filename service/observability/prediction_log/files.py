"""The files of the prediction log: `<folder>/<model>/<when begun>-<process>-<number>.jsonl`, or `.parquet`.

    files = LogFiles(folder, LineFile, file_bytes=2**26, file_seconds=3600.0, count=count)
    files.write(described, hidden, rows)            # raises OSError where the disk is full
    files.end_old()                     # call it now and then
    delete_old(folder, keep_bytes=2**33, keep_seconds=30 * 86_400)

Each process that writes has files of its own, so that none waits for another. Only the server's user may read them.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

__all__ = ["Counts", "LineFile", "LogFile", "LogFiles", "delete_old", "dump", "opened_for_owner"]

FILE = re.compile(r"\d{8}T\d{6}Z-\d+-\d+\.(jsonl|parquet|parquet\.draft)")


@dataclass
class Counts:
    """Rows. written: to where a reader finds them. lost: that the disk or the format did not take."""

    written: int = 0
    lost: int = 0


class LogFile(Protocol):
    """A file that is being written. size: its bytes so far, about. counts: of its rows. broken: whether it is given up.

    write, close: raise OSError where the disk is full, with the rows counted as lost.
    """

    size: int
    counts: Counts
    broken: bool

    def write(self, rows: Sequence[dict[str, Any]]) -> None: ...

    def close(self) -> None: ...


def opened_for_owner(path: Path) -> int:
    """A descriptor of a new file of mode 0600, in a folder of mode 0700 that is made where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)


class LineFile:
    """JSON lines: an object a line. On a full disk no part of a line is left, and later rows are tried again."""

    ending = "jsonl"
    broken = False

    def __init__(self, path: Path, described: Mapping[str, Any], hidden: Container[str]) -> None:
        self.size, self.counts = 0, Counts()
        self._descriptor = opened_for_owner(path)

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        piece = memoryview(b"".join(map(dump, rows)))
        before = self.size
        try:
            while piece:
                written = os.write(self._descriptor, piece)
                self.size += written
                piece = piece[written:]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, before)
            self.size = before
            self.counts.lost += len(rows)
            raise
        self.counts.written += len(rows)

    def close(self) -> None:
        os.close(self._descriptor)


def dump(row: dict[str, Any]) -> bytes:
    """A row as a line of JSON. NaN is null; what JSON has no word for is a text."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z
    return orjson.dumps(row, default=str, option=options)


class LogFiles:
    """The files that one process writes, one for each version of a model; for one thread.

    opening: the class of the files. file_bytes, file_seconds: after which a file is ended. count: is told (name of a
    model, Counts).
    """

    def __init__(
        self,
        folder: Path,
        opening: type[Any],
        *,
        file_bytes: int,
        file_seconds: float,
        count: Callable[[str, Counts], object],
    ) -> None:
        self.folder = folder
        self._opening = opening
        self._file_bytes, self._file_seconds = file_bytes, file_seconds
        self._count = count
        self._open: dict[tuple[str, str], tuple[float, LogFile]] = {}  # (model, version) -> (when begun, the file)
        self._numbers = itertools.count()

    def write(self, described: Mapping[str, Any], hidden: Container[str], rows: Sequence[dict[str, Any]]) -> None:
        """Write rows of one version of a model. Raises OSError; those that are lost by it are counted."""
        key = name, _ = described["name"], described["version"]
        if key not in self._open:
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            path = self.folder / name / f"{stamp}-{os.getpid()}-{next(self._numbers)}.{self._opening.ending}"
            try:
                self._open[key] = time.monotonic(), self._opening(path, described, hidden)
            except OSError:
                self._count(name, Counts(lost=len(rows)))
                raise
        file = self._open[key][1]
        try:
            file.write(rows)
        finally:
            self._settle(key, file)
        if file.size >= self._file_bytes:
            self._end(key)

    def end_old(self) -> None:
        """End the files that were begun long ago. Raises OSError."""
        now = time.monotonic()
        for key, (began, _) in list(self._open.items()):
            if now - began >= self._file_seconds:
                self._end(key)

    def close(self) -> None:
        """End all files. Raises OSError."""
        for key in list(self._open):
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        file = self._open.pop(key)[1]
        try:
            file.close()
        finally:
            self._settle(key, file)

    def _settle(self, key: tuple[str, str], file: LogFile) -> None:
        counts, file.counts = file.counts, Counts()
        if counts.written or counts.lost:
            self._count(key[0], counts)
        if file.broken:
            self._open.pop(key, None)


def delete_old(folder: Path, *, keep_bytes: int, keep_seconds: float, now: Callable[[], float] = time.time) -> int:
    """Delete the oldest files of all workers and servers that log here; returns how many.

    keep_bytes: of all files together; 0: any. keep_seconds: since a file was last written; 0: any. Files of other names
    are nobody's business. Raises OSError where the folder cannot be read.
    """
    found = []
    for path in folder.glob("*/*"):
        if FILE.fullmatch(path.name):
            with suppress(OSError):  # another worker was quicker
                seen = path.stat()
                found.append((seen.st_mtime, seen.st_size, path))
    found.sort()
    held, deleted = sum(size for _, size, _ in found), 0
    for changed, size, path in found:
        too_old = keep_seconds and now() - changed > keep_seconds
        if not (too_old or (keep_bytes and held > keep_bytes)):
            break
        with suppress(FileNotFoundError):
            path.unlink()
            deleted += 1
        held -= size
    return deleted
