"""A bound on the memory that this process may take from now on: beyond it an allocation fails (MemoryError in Python).

limit = MemoryLimit(available_memory())
limit.set()
load()
limit.lift()
"""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

from ...settings import CGROUP

__all__ = ["MemoryLimit", "available_memory"]


def available_memory() -> int | None:
    """Bytes that the system, or this container, can still give; None where it does not say."""
    found = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")))
    with suppress(OSError, ValueError):  # "max", or no cgroup of version 2
        found.append(int((CGROUP / "memory.max").read_text()) - int((CGROUP / "memory.current").read_text()))
    return max(0, min(found)) if found else None


class MemoryLimit:
    """A soft RLIMIT_DATA. room: bytes above what the process has now; None: no limit."""

    def __init__(self, room: int | None) -> None:
        self._room = room
        self._before: tuple[int, int] | None = None

    def set(self) -> None:
        taken = data_bytes()
        if self._room is None or taken is None:
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = taken + self._room
        if soft == resource.RLIM_INFINITY or wanted < soft:
            self._before = soft, hard
            resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))

    def lift(self) -> None:
        if self._before is not None:
            resource.setrlimit(resource.RLIMIT_DATA, self._before)
            self._before = None


def data_bytes() -> int | None:
    """What RLIMIT_DATA counts of this process: its private writable memory, touched or not."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmData:"):
                return 1024 * int(line.split()[1])
    return None
