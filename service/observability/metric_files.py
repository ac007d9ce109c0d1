"""The files that metrics are counted into, one of each type a process, as prometheus_client reads them.

file = MetricFile("/dev/shm/daylight-0-4711/metrics/counter_4712.db")
Value(file, mmap_key("daylight_requests", "daylight_requests_total", ["model"], ["iris"], "help")).add(1)
"""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prometheus_client.mmap_dict import MmapedDict

__all__ = ["MetricFile", "Uncounted", "Value", "locked", "merge_ended"]

log = logging.getLogger(__name__)

SMALLEST = 2**14  # bytes of a file at first; it doubles
LARGEST_ENTRY = 32  # bytes of an entry besides its key
DRAFT = ".draft"  # ends the name of a file that is being made
FILE = re.compile(rf"(counter|histogram|gauge_live[a-z]+)_(\d+)\.db({re.escape(DRAFT)})?")


class MetricFile(MmapedDict):
    """prometheus_client's file of values, whose pages have room on the disk before they are written.

    A write to a page of a sparse file ends the process (SIGBUS) where the folder is full. Here the key that needs the
    page raises OSError. The file has its name once it can be read: its process may be killed at any moment.
    """

    def __init__(self, path: str) -> None:
        if not os.path.exists(path):
            draft = path + DRAFT
            try:
                with open(draft, "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, SMALLEST)
                os.rename(draft, path)
            except OSError:
                with suppress(FileNotFoundError):
                    os.unlink(draft)
                raise
        super().__init__(path)
        self.numbers = memoryview(self._m).cast("d")

    def _init_value(self, key: str) -> None:
        if self._used + len(key.encode()) + LARGEST_ENTRY > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        super()._init_value(key)
        self.numbers = memoryview(self._m).cast("d")  # of a new mapping, where the file has grown

    def close(self) -> None:
        self.numbers.release()  # or the mapping could not be closed
        super().close()


class Value:
    """One value in a file. An earlier process of the same id may have left the file: counting goes on from there."""

    __slots__ = ("file", "place", "value")

    def __init__(self, file: MetricFile, key: str) -> None:
        self.file = file
        self.value = file.read_value(key)[0]
        self.place = file._positions[key] // file.numbers.itemsize

    def add(self, amount: float) -> None:
        self.value += amount
        self.file.numbers[self.place] = self.value  # as write_value, in a third of the time

    def set(self, value: float) -> None:
        self.value = value
        self.add(0)


class Uncounted(Value):
    """Stands for a Value for which the folder had no room; this worker does not count it."""

    __slots__ = ()

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float) -> None:
        self.value += amount


@contextmanager
def locked(folder: str, operation: int) -> Iterator[None]:
    """Hold the folder's lock while files are read, or merged: a value must not be counted twice, or not at all."""
    descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def merge_ended(folder: str) -> None:
    """Add what ended workers have counted to one file, and remove theirs: a scrape reads every file there is."""
    folder = os.path.join(folder, "metrics")
    if not os.path.isdir(folder):
        return
    with locked(folder, fcntl.LOCK_EX):
        for path in sorted(glob.glob(os.path.join(folder, "*.db*"))):
            match = FILE.fullmatch(os.path.basename(path))
            if match is None or os.path.exists(f"/proc/{match[2]}"):
                continue
            if not match[1].startswith("gauge") and not match[3]:  # what has ended is in no state
                values = {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(path)}
                try:
                    total = MetricFile(os.path.join(folder, f"{match[1]}_ended.db"))
                    for key in values:
                        total.read_value(key)  # makes room for it, before anything is added
                except OSError as error:
                    log.error("%s is not merged yet: %s", path, error)
                    continue
                for key, value in values.items():
                    total.write_value(key, total.read_value(key)[0] + value, 0.0)
                total.close()
            os.unlink(path)
