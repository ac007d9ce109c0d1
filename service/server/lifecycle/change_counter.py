"""How often the workers' table has changed: a number in memory that they share, as quick to read as a variable.

counter = ChangeCounter(folder / "changes")
with counter.changing(): ...        # a writer, who holds the table's lock
counter.number()                    # in the other processes: another one from the writer's first moment on

It is a sequence lock: odd while the table is being written. So whoever has seen the number of a finished change reads
a table that holds it, and nobody sees the table before the number.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

__all__ = ["ChangeCounter"]

BYTES = 8
PATIENCE = 0.05  # seconds that a reader waits for a writer, which takes a fraction of a millisecond if it lives


class ChangeCounter:
    """file: in the run folder; it is made if it is missing."""

    def __init__(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, BYTES)  # in a full folder a write to the map would end the process
            self._cells = memoryview(mmap.mmap(descriptor, BYTES)).cast("Q")
        finally:
            os.close(descriptor)

    def number(self) -> int:
        """It differs from one read before if the table has changed since, or is changing."""
        return self._cells[0]

    def settled(self) -> int:
        """As `number`, once nobody is writing; after a while in any case, for a writer may have been killed."""
        ends = monotonic() + PATIENCE
        while (number := self._cells[0]) % 2 and monotonic() < ends:
            sleep(0.0001)
        return number

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around what replaces the table. Only one process at a time may."""
        self._cells[0] += 1 + self._cells[0] % 2  # another odd one than that of a writer who was killed
        try:
            yield
        finally:
            self._cells[0] += 1
