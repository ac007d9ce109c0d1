"""The numbers of one server, for Prometheus: its workers count into files that any of them can add up.

    meter = Meter("/dev/shm/daylight-0-4711")
    meter.began(); meter.ended("POST", 200, context)
    meter.exposition()          # b'# HELP daylight_requests_total ...'

The files and their sum are prometheus_client's own multiprocess format. What counts is this module, because the
library's `inc` and `observe` take a lock and look up their labels each: five numbers a request cost a third so.
Labels are patterns of routes and names of models that exist, never what a caller wrote.
"""

import fcntl
import glob
import os
import re
import shutil
import struct
import tempfile
import threading
import weakref
from bisect import bisect_left
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.utils import floatToGoString

__all__ = ["CONTENT_TYPE", "Meter", "bury"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))

# name without its suffix -> (kind of file, what it says)
METRICS = {
    "daylight_requests": ("counter", "Requests answered, by the pattern of their route"),
    "daylight_refusals": ("counter", "Requests answered with an error, by its code"),
    "daylight_queue_seconds": ("counter", "Seconds that rows waited for the model while it was busy"),
    "daylight_predict_seconds": ("counter", "Seconds spent in the model"),
    "daylight_tokens": ("counter", "Tokens of prompts and of completions"),
    "daylight_request_seconds": ("histogram", "Seconds from a thread having the request to its answer, by model"),
    "daylight_requests_in_flight": ("gauge_livesum", "Requests being answered"),
}
PAIR = struct.Struct("dd")  # a number and its moment, which only one kind of gauge has
FILE = re.compile(r"(counter|histogram|gauge_livesum)_(\d+)\.db")


class Meter:
    """One worker's counters. folder: what the workers of one server share; "" where this process is alone."""

    def __init__(self, folder=""):
        self.folder = os.path.join(folder, "metrics") if folder else tempfile.mkdtemp(prefix="daylight-metrics-")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._lock = threading.Lock()
        self._files = {}  # kind -> MmapedDict
        weakref.finalize(self, put_away, self._files, None if folder else self.folder)
        self._requests = {}  # (route, method, status, model) -> its counter
        self._latencies = {}  # model -> (buckets, sum, seconds of its stops)
        self._others = {}  # (metric, label values...) -> its counter
        self._in_flight = self._number("daylight_requests_in_flight", {})
        self._in_flight.set(0)

    def began(self):
        with self._lock:
            self._in_flight.add(1)

    def ended(self, method, status, context):
        """Count one answered request; a stream is answered when it ends."""
        took = perf_counter() - context.began
        key = context.route, method, status, context.model
        with self._lock:
            self._in_flight.add(-1)
            counter = self._requests.get(key) or self._new_request(key)
            counter.add(1)
            if context.seconds:
                buckets, total, stops = self._latencies.get(context.model) or self._new_latency(context.model)
                buckets[bisect_left(SECONDS, took)].add(1)
                total.add(took)
                for stop, number in stops:
                    spent = context.seconds.get(stop)
                    if spent:
                        number.add(spent)
                if context.tokens:
                    for of, count in zip(("prompt", "completion"), context.tokens, strict=True):
                        self._add("daylight_tokens", count, model=context.model, of=of)
            elif context.refused:
                self._add("daylight_refusals", 1, code=context.refused, model=context.model)

    def exposition(self):
        """Everything all workers have counted, in Prometheus' text format, as bytes."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=self.folder)
        with locked(self.folder, fcntl.LOCK_SH):
            return generate_latest(registry)

    def _add(self, metric, amount, **labels):
        if amount:
            key = (metric, *labels.values())
            counter = self._others.get(key)
            if counter is None:
                counter = self._others[key] = self._number(metric, labels)
            counter.add(amount)

    def _new_request(self, key):
        route, method, status, model = key
        labels = {
            "route": route,
            "method": method if method in METHODS else "other",
            "status": str(status),
            "model": model,
        }
        made = self._requests[key] = self._number("daylight_requests", labels)
        return made

    def _new_latency(self, model):
        labels = {"model": model}
        metric = "daylight_request_seconds"
        buckets = [self._number(metric, labels | {"le": floatToGoString(end)}, "_bucket") for end in SECONDS]
        stops = [(stop, self._number(f"daylight_{stop}_seconds", labels)) for stop in ("queue", "predict")]
        made = self._latencies[model] = buckets, self._number(metric, labels, "_sum"), stops
        return made

    def _number(self, metric, labels, suffix=None):
        kind, told = METRICS[metric]
        file = self._files.get(kind)
        if file is None:
            file = self._files[kind] = MmapedDict(os.path.join(self.folder, f"{kind}_{os.getpid()}.db"))
        suffix = {"counter": "_total"}.get(kind, "") if suffix is None else suffix
        return Number(file, mmap_key(metric, metric + suffix, list(labels), list(labels.values()), told))


def put_away(files, folder):
    for file in files.values():
        file.close()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


class Number:
    """One number of a file, which may have had an earlier process of the same id."""

    __slots__ = ("file", "place", "value")

    def __init__(self, file, key):
        self.file = file
        self.value = file.read_value(key)[0]
        start = file._positions[key]
        self.place = slice(start, start + PAIR.size)

    def add(self, amount):
        self.value += amount
        self.file._m[self.place] = PAIR.pack(self.value, 0.0)  # what write_value does, for half of the time

    def set(self, value):
        self.value = value
        self.add(0)


@contextmanager
def locked(folder, how):
    """Reading all files, or joining some: a number must not be seen twice, or not at all."""
    descriptor = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def bury(folder):
    """Add what ended workers counted to one file, and remove theirs: a scrape reads every file there is."""
    folder = os.path.join(folder, "metrics")
    if not os.path.isdir(folder):
        return
    with locked(folder, fcntl.LOCK_EX):
        for path in sorted(glob.glob(os.path.join(folder, "*.db"))):
            found = FILE.fullmatch(os.path.basename(path))
            if found is None or os.path.exists(f"/proc/{found[2]}"):
                continue
            if found[1] != "gauge_livesum":
                total = MmapedDict(os.path.join(folder, f"{found[1]}_ended.db"))
                for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                    total.write_value(key, total.read_value(key)[0] + value, 0.0)
                total.close()
            os.unlink(path)
