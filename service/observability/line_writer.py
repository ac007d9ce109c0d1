"""Lines to a file, several in one write.

    lines = LineWriter(sys.stderr)
    lines.hold()
    lines.add(b"POST /v1/models/tumour:predict 200 0.1ms\\n")      # written within HELD seconds

A write costs as much as making five lines. A process that is killed loses the lines of its last HELD seconds; one that
ends in any other way loses none.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from typing import IO

from .bell import Bell

__all__ = ["HELD", "LineWriter"]

HELD = 0.05  # seconds that a line may wait
AT_ONCE = 4096  # bytes of a write: so many go into a pipe whole, and do not mix with the lines of other workers


class LineWriter:
    """Writes lines to the file descriptor of a stream, at once, or after `hold` together. For any number of threads."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file
        self.held = False
        self.waiting: deque[bytes] = deque()  # its methods are atomic: no lock on the way of a request
        self.size = 0  # bytes that wait; about, where threads meet
        self.due = Bell()  # rung by whoever adds a line, awaited by the thread that writes them

    def hold(self) -> None:
        """Start the thread that writes what has waited; in the process that adds the lines."""
        if not self.held:
            self.held = True
            threading.Thread(target=self.keep_time, name="daylight-log", daemon=True).start()
            atexit.register(self.flush)

    def add(self, line: bytes) -> None:
        if not self.held:
            self.write(line)
            return
        if self.size + len(line) > AT_ONCE:
            self.flush()
        self.waiting.append(line)
        self.size += len(line)
        self.due.ring()

    def keep_time(self) -> None:
        while True:
            self.due.wait()
            time.sleep(HELD)
            self.flush()

    def flush(self) -> None:
        """Write all lines that wait, in their order."""
        if not self.waiting:
            return
        self.size = 0
        piece = b""
        try:
            while True:
                line = self.waiting.popleft()
                if len(piece) + len(line) > AT_ONCE:
                    self.write(piece)
                    piece = b""
                piece += line
        except IndexError:
            self.write(piece)

    def write(self, piece: bytes) -> None:
        try:
            os.write(self.file.fileno(), piece)
        except (OSError, ValueError):  # stderr is closed; requests are answered all the same
            return
