"""The process that writes a worker's prediction log, seen from the worker: its threads share one interpreter, and what
makes rows and files would take their time.

    process = WriterProcess(settings, counted)
    process.send([(0, described)], [(0, packed)], {"tumour": 1})    # raises BrokenPipeError where it has ended
    process.counts()        # calls counted(model, written, lost) for what it has told
    process.end()

Rows that were sent to a process that ended, and of which it told nothing, are lost.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import orjson

from .writer import frame

if TYPE_CHECKING:
    from ...settings import Settings

__all__ = ["WriterProcess"]

PROGRAM = f"{__package__}.writer"
END_SECONDS = 20.0  # that it has for its last rows


class WriterProcess:
    """counted: is told (model, rows that were written, rows that were lost)."""

    def __init__(self, settings: Settings, counted: Callable[[str, int, int], object]) -> None:
        """Start it. Raises OSError."""
        names = [each.name for each in fields(settings) if each.name.startswith("prediction_log")]
        self._counted = counted
        self._unsaid: Counter[str] = Counter()  # rows by model, of which it has told nothing yet
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._into, self._said = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._said, False)
        self._write(frame({name: getattr(settings, name) for name in (*names, "log_format")}))

    def send(self, new: list[Any], answers: list[tuple[int, bytes]], rows: Mapping[str, int]) -> None:
        """new: (number, as described) of versions that it has got no answers of. answers: (number, packed).

        rows: how many of each model. Raises OSError.
        """
        self._unsaid.update(rows)
        for version in new:
            self._write(frame(version))
        self._write(frame(answers))

    def counts(self) -> None:
        """Hand on what it has told since the last time."""
        with suppress(BlockingIOError):
            while piece := os.read(self._said, 2**16):
                self._rest += piece
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            told = orjson.loads(line)
            self._unsaid[told["model"]] -= told["written"] + told["lost"]
            self._counted(told["model"], told["written"], told["lost"])

    def end(self) -> None:
        """Let it write what it has, and finish its files; what it does not tell of then is lost."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.counts()
        self._process.stdout.close()
        for model, rows in self._unsaid.items():
            if rows > 0:
                self._counted(model, 0, rows)

    def _write(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            left = left[os.write(self._into, left) :]
