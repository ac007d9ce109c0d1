"""Counts of the last rows of one version of a model, in panes: each worker writes a file of its own, anybody sums them.

    own = Panes(folder, "tumour", "1", bins, rows=1000, workers=4)
    own.add(counts, rows)
    window(folder, "tumour", "1", bins, rows=1000)      # (int64 [bins.width], how many rows): the last of all workers

A worker adds to its open pane, and goes on to the next one, the oldest, when that is full. No lock is needed: a file
has one writer, and a reader that comes between two numbers of an addition is a few rows out. The file of a worker that
has ended counts until newer rows fill the window.
"""

from __future__ import annotations

import glob
import mmap
import os
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np

from .profile import Bins

__all__ = ["Panes", "remove_unused", "window"]

SMALLEST = 25  # rows of a pane
HEAD = 2  # numbers before the counts of a pane: the time of its last row, in ms since 1970; its rows
START = 2  # numbers before the first pane: a checksum of what is counted; the time of the last row of all
KEPT = 86_400_000  # ms after which the rows of a version that nobody serves are forgotten


class Panes:
    """The file of one worker. Raises OSError where the folder has no room for it."""

    def __init__(self, folder: str, model: str, version: str, bins: Bins, rows: int, workers: int) -> None:
        """rows: of the window. workers: how many share it: the more they are, the smaller is a pane."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, f"{model}@{version}@{os.getpid()}.panes")
        self.full = max(SMALLEST, rows // (10 * workers))
        width = HEAD + bins.width
        size = 8 * (START + (rows // self.full + 2) * width)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_size != size:  # of an ended worker with the same process id, it may be another
                os.ftruncate(descriptor, 0)
            # A write to a page that has no room on the disk would end the process.
            os.posix_fallocate(descriptor, 0, size)
            self.numbers = np.frombuffer(mmap.mmap(descriptor, size), dtype=np.int64)
        except OSError:
            os.unlink(self.path)
            raise
        finally:
            os.close(descriptor)
        self.panes = self.numbers[START:].reshape(-1, width)
        if self.numbers[0] != checksum(bins):
            self.panes[:] = 0
            self.numbers[0] = checksum(bins)
        self.open = int(self.panes[:, 0].argmax())

    def add(self, counts: np.ndarray, rows: int) -> None:
        """Count int64 [width] of so many rows."""
        pane = self.panes[self.open]
        if pane[1] >= self.full:
            self.open = (self.open + 1) % len(self.panes)
            pane = self.panes[self.open]
            pane[:] = 0
        pane[HEAD:] += counts
        pane[0] = self.numbers[1] = now()
        pane[1] += rows


def now() -> int:
    return time.time_ns() // 1_000_000


def checksum(bins: Bins) -> int:
    return zlib.crc32(repr(bins.features).encode())


def window(folder: str, model: str, version: str, bins: Bins, rows: int) -> tuple[np.ndarray, int]:
    """(int64 [width], rows): the sum of the newest panes of all workers that hold so many rows together."""
    every = [pane for _, panes in files(folder, model, version, bins) for pane in panes]
    total, found = np.zeros(bins.width, dtype=np.int64), 0
    for pane in sorted(every, key=lambda pane: pane[0], reverse=True):
        if found >= rows or not pane[1]:
            break
        total += pane[HEAD:]
        found += int(pane[1])
    return total, found


def files(folder: str, model: str, version: str, bins: Bins) -> Iterator[tuple[str, np.ndarray]]:
    """(path, its panes) of each file that counts the same."""
    for path in glob.glob(os.path.join(glob.escape(folder), f"{model}@{version}@*.panes")):
        with suppress(OSError):
            numbers = np.fromfile(path, dtype=np.int64)
            if len(numbers) % (HEAD + bins.width) == START and numbers[0] == checksum(bins):
                yield path, numbers[START:].reshape(-1, HEAD + bins.width)


def remove_unused(folder: str, used: Mapping[tuple[str, str], Bins], rows: int) -> None:
    """Remove files of ended workers that newer rows have pushed out of the window, or that never had a row, and those
    of versions that are not used, {(model, version): bins}, and had no row for a day.
    """
    for (model, version), bins in used.items():
        newest = [
            (int(panes[:, 0].max()), int(panes[:, 1].sum()), path)
            for path, panes in files(folder, model, version, bins)
        ]
        later = 0
        for _, held, path in sorted(newest, reverse=True):
            if later >= rows and ended(path):
                remove(path)
            later += held
    for path in glob.glob(os.path.join(glob.escape(folder), "*.panes")):
        model, version, _ = os.path.basename(path).split("@")
        with suppress(OSError):
            head = np.fromfile(path, dtype=np.int64, count=START)
            last = int(head[-1]) if len(head) == START else 0  # 0: its worker makes it just now, or died while it did
            if ended(path) if not last else ((model, version) not in used and last < now() - KEPT):
                remove(path)


def ended(path: str) -> bool:
    """Whether the worker that wrote a file is gone."""
    return not os.path.exists("/proc/" + path.rpartition("@")[2].partition(".")[0])


def remove(path: str) -> None:
    with suppress(FileNotFoundError):  # another worker was quicker
        os.unlink(path)
