"""Add up what the processes of a box use, from outside of it.

    Watch(pid, folder, limits).fault()       # None, or "it took more than 8.0 GiB of memory"

The kernel's limits hold for each process alone, and those on processes not for root. Only files of /proc are read that
a process cannot hide from others.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from .limits import TASKS, Limits

__all__ = ["Watch"]

HELD = (b"RssAnon", b"RssShmem", b"VmSwap")  # pages that no file backs
FILES_EVERY = 1.0  # seconds between two looks at the files, which are many


class Watch:
    """pid: of the first process of the box, whose children and their children are all that it holds."""

    def __init__(self, pid: int, folder: Path, limits: Limits) -> None:
        self.pid = pid
        self.folder = folder
        self.limits = limits
        self.ends = time.monotonic() + limits.seconds
        self.looks = 0.0

    def fault(self) -> str | None:
        """Why the box has to be ended; None where it may go on."""
        now = time.monotonic()
        if now > self.ends:
            return f"it did not end within {self.limits.seconds:.0f} seconds"
        memory, tasks = use(descendants(self.pid))
        if tasks > TASKS:
            return f"it started more than {TASKS} processes and threads"
        if memory > self.limits.memory:
            return f"it took more than {gibibytes(self.limits.memory)} of memory"
        if now > self.looks:
            self.looks = now + FILES_EVERY
            if size(self.folder) > self.limits.written:
                return f"it wrote more than {gibibytes(self.limits.written)}"
        return None


def gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def descendants(pid: int) -> list[int]:
    """The process and all that it, or one of these, is the parent of."""
    children = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):  # ended since
                after_name = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2]
                children[int(after_name.split()[1])].append(int(name))
    found = [pid]
    for each in found:
        found.extend(children[each])
    return found


def use(pids: list[int]) -> tuple[int, int]:
    """(bytes of memory, number of threads) of these processes."""
    memory = tasks = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
                field, _, value = line.partition(b":")
                if field in HELD:
                    memory += int(value.split()[0]) * 1024
                elif field == b"Threads":
                    tasks += int(value)
    return memory, tasks


def size(folder: Path) -> int:
    """Bytes that the files below a folder take on the disk."""
    total, folders = 0, [os.fspath(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total
