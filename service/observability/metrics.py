"""Prometheus metrics of one server: its workers count into files, and any of them can add these up.

    meter = Meter("/dev/shm/daylight-0-4711")
    meter.began()
    meter.ended("POST", 200, context)
    meter.exposition()          # b'# HELP daylight_requests_total ...'

The files and their sum are prometheus_client's own multiprocess format. This module does the counting itself: the
library's `inc` and `observe` take a lock and look up their labels at each call, and five numbers a request cost three
times as much. Label values are patterns of routes and names of models that exist, never a caller's text.
"""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import re
import shutil
import tempfile
import threading
import weakref
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from ..web.context import RequestContext

__all__ = ["CONTENT_TYPE", "METRICS", "Meter", "locked", "merge_ended"]

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))

# name without its suffix -> (type of its file, its help)
METRICS = {
    "daylight_requests": ("counter", "Requests answered, by the pattern of their route"),
    "daylight_refusals": ("counter", "Requests answered with an error, by its code"),
    "daylight_queue_seconds": ("counter", "Seconds that rows waited for the model while it was busy"),
    "daylight_predict_seconds": ("counter", "Seconds spent in the model"),
    "daylight_tokens": ("counter", "Tokens of prompts and of completions"),
    "daylight_prediction_log_rows": ("counter", "Rows that were written to the prediction log"),
    "daylight_prediction_log_dropped": ("counter", "Rows that the prediction log lost"),
    "daylight_request_seconds": ("histogram", "Seconds from a thread having the request to its answer, by model"),
    "daylight_requests_in_flight": ("gauge_livesum", "Requests being answered"),
    "daylight_refused_models": ("gauge", "1 where the model's current version cannot be served"),
    "daylight_model_info": ("gauge", "1 for each model that is served, with the version that answers"),
    "daylight_model_packed_timestamp_seconds": ("gauge", "When the version that answers was packed, in Unix time"),
    "daylight_memory_bytes": (
        "gauge",
        "Memory that the processes of the server hold; a page that several share counts for each by its share",
    ),
    "daylight_build_info": ("gauge", "1, with the versions of Daylight and of Python"),
}
SMALLEST = 2**14  # bytes of a file at first; it doubles
LARGEST_ENTRY = 32  # bytes of an entry besides its key
FILE = re.compile(r"(counter|histogram|gauge_livesum)_(\d+)\.db")


class Meter:
    """The metrics of one worker. folder: the run folder that workers share; "" where this process is alone."""

    def __init__(self, folder: str = "") -> None:
        self.folder = os.path.join(folder, "metrics") if folder else tempfile.mkdtemp(prefix="daylight-metrics-")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._lock = threading.Lock()
        self._files: dict[str, CounterFile] = {}  # by type
        weakref.finalize(self, close_files, self._files, None if folder else self.folder)
        self._requests: dict[tuple, Value] = {}  # (route, method, status, model) -> its counter
        self._latencies: dict[str, tuple] = {}  # model -> (buckets, sum, [(stage, seconds)])
        self._others: dict[tuple, Value] = {}  # (metric, label values...) -> its counter
        self._in_flight = self._value("daylight_requests_in_flight", {})
        self._in_flight.set(0)

    def began(self) -> None:
        """Count a request as in flight."""
        with self._lock:
            self._in_flight.add(1)

    def ended(self, method: str, status: int, context: RequestContext) -> None:
        """Count one request whose answer has been sent; that of a stream, at its end."""
        latency = perf_counter() - context.began
        key = context.route, method, status, context.model
        with self._lock:
            self._in_flight.add(-1)
            counter = self._requests.get(key) or self._new_request(key)
            counter.add(1)
            if context.seconds:
                buckets, total, stages = self._latencies.get(context.model) or self._new_latency(context.model)
                buckets[bisect_left(SECONDS, latency)].add(1)
                total.add(latency)
                for stage, value in stages:
                    seconds = context.seconds.get(stage)
                    if seconds:
                        value.add(seconds)
                if context.tokens:
                    for of, count in zip(("prompt", "completion"), context.tokens, strict=True):
                        self._add("daylight_tokens", count, model=context.model, of=of)
            elif context.refused:
                self._add("daylight_refusals", 1, code=context.refused, model=context.model)

    def add(self, metric: str, amount: float, **labels: str) -> None:
        """Add to a counter of METRICS; for what no request's end counts."""
        with self._lock:
            self._add(metric, amount, **labels)

    def exposition(self, known: Collector | None = None) -> bytes:
        """Everything that all workers have counted, in Prometheus' text format. known: what no worker counts."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=self.folder)
        if known is not None:
            registry.register(known)
        with locked(self.folder, fcntl.LOCK_SH):
            return generate_latest(registry)

    def _add(self, metric: str, amount: float, **labels: str) -> None:
        if amount:
            key = (metric, *labels.values())
            counter = self._others.get(key)
            if counter is None:
                counter = self._others[key] = self._value(metric, labels)
            counter.add(amount)

    def _new_request(self, key: tuple[str, str, int, str]) -> Value:
        route, method, status, model = key
        labels = {
            "route": route,
            "method": method if method in METHODS else "other",
            "status": str(status),
            "model": model,
        }
        counter = self._requests[key] = self._value("daylight_requests", labels)
        return counter

    def _new_latency(self, model: str) -> tuple:
        labels = {"model": model}
        metric = "daylight_request_seconds"
        buckets = [self._value(metric, labels | {"le": floatToGoString(end)}, "_bucket") for end in SECONDS]
        stages = [(stage, self._value(f"daylight_{stage}_seconds", labels)) for stage in ("queue", "predict")]
        latency = self._latencies[model] = buckets, self._value(metric, labels, "_sum"), stages
        return latency

    def _value(self, metric: str, labels: dict[str, str], suffix: str | None = None) -> Value:
        file_type, documentation = METRICS[metric]
        suffix = {"counter": "_total"}.get(file_type, "") if suffix is None else suffix
        key = mmap_key(metric, metric + suffix, list(labels), list(labels.values()), documentation)
        try:
            if file_type not in self._files:
                self._files[file_type] = CounterFile(os.path.join(self.folder, f"{file_type}_{os.getpid()}.db"))
            return Value(self._files[file_type], key)
        except OSError as error:
            log.error("%s%s is not counted: %s", metric, labels, error)
            return Uncounted()


def close_files(files: dict[str, CounterFile], folder: str | None) -> None:
    """Close the files of a Meter; remove its folder, if it has one of its own."""
    for file in files.values():
        file.close()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


class CounterFile(MmapedDict):
    """prometheus_client's file of values, whose pages have room on the disk before they are written.

    A write to a page of a sparse file ends the process (SIGBUS) where the folder is full. Here the key that needs the
    page raises OSError.
    """

    def __init__(self, path: str) -> None:
        with open(path, "ab") as file:
            size = os.fstat(file.fileno()).st_size
            try:
                os.posix_fallocate(file.fileno(), 0, max(size, SMALLEST))
            except OSError:
                if not size:
                    os.unlink(path)  # an empty file cannot be read
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

    def __init__(self, file: CounterFile, key: str) -> None:
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
        for path in sorted(glob.glob(os.path.join(folder, "*.db"))):
            match = FILE.fullmatch(os.path.basename(path))
            if match is None or os.path.exists(f"/proc/{match[2]}"):
                continue
            if match[1] != "gauge_livesum":
                values = {key: value for key, value, _, _ in MmapedDict.read_all_values_from_file(path)}
                try:
                    total = CounterFile(os.path.join(folder, f"{match[1]}_ended.db"))
                    for key in values:
                        total.read_value(key)  # makes room for it, before anything is added
                except OSError as error:
                    log.error("%s is not merged yet: %s", path, error)
                    continue
                for key, value in values.items():
                    total.write_value(key, total.read_value(key)[0] + value, 0.0)
                total.close()
            os.unlink(path)
