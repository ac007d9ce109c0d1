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
import logging
import os
import shutil
import tempfile
import threading
import weakref
from bisect import bisect_left
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from .metric_files import MetricFile, Uncounted, Value, locked

if TYPE_CHECKING:
    from ..web.context import RequestContext

__all__ = ["CONTENT_TYPE", "METRICS", "Meter"]

log = logging.getLogger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = {"GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH"}
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, float("inf"))
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 8192, float("inf"))
STAGES = ("parse", "check", "queue", "predict", "encode")

# name without its suffix -> (type of its file, its help)
METRICS = {
    "daylight_requests": ("counter", "Requests answered, by the pattern of their route"),
    "daylight_refusals": ("counter", "Requests answered with an error, by its code"),
    "daylight_parse_seconds": ("counter", "Seconds spent reading bodies"),
    "daylight_check_seconds": ("counter", "Seconds spent checking rows against the model's columns"),
    "daylight_queue_seconds": ("counter", "Seconds that rows waited for the model while it was busy"),
    "daylight_predict_seconds": ("counter", "Seconds spent in the model"),
    "daylight_encode_seconds": ("counter", "Seconds spent writing answers"),
    "daylight_rows": ("counter", "Rows of tables that were answered"),
    "daylight_batch_rows": ("histogram", "Rows of the call of the model that answered a request, with those of others"),
    "daylight_tokens": ("counter", "Tokens of prompts and of completions"),
    "daylight_prediction_log_rows": ("counter", "Rows that were written to the prediction log"),
    "daylight_prediction_log_dropped": ("counter", "Rows that the prediction log lost"),
    "daylight_shadow_rows": ("counter", "Rows that a shadow was asked, too"),
    "daylight_shadow_disagreements": ("counter", "Rows that a shadow answered otherwise"),
    "daylight_shadow_failures": ("counter", "Requests that a shadow refused, or failed on"),
    "daylight_shadow_dropped": ("counter", "Requests drawn for a shadow that it had no time for"),
    "daylight_shadow_max_difference": (
        "gauge_livemax",
        "The largest difference between a shadow's number and the current version's",
    ),
    "daylight_request_seconds": ("histogram", "Seconds from a thread having the request to its answer, by model"),
    "daylight_first_token_seconds": ("histogram", "Seconds from the request to a completion's first token"),
    "daylight_token_seconds": ("histogram", "Seconds from one token of a completion to the next, their mean"),
    "daylight_cancellations": ("counter", "Completions that were cancelled, or whose caller went away"),
    "daylight_key_requests": ("counter", "Requests answered, by the name of the API key"),
    "daylight_requests_in_flight": ("gauge_livesum", "Requests being answered"),
    "daylight_waiting": ("gauge_livesum", "Tables that run or wait, texts that wait"),
    "daylight_running": ("gauge_livesum", "Completions being written"),
    "daylight_expected_wait_seconds": (
        "gauge_livemax",
        "Seconds that a request that came now would wait, by the pace measured; of the processes, the longest",
    ),
    "daylight_kv_ratio": ("gauge_livemax", "Share of the memory for keys and values that running completions hold"),
    "daylight_prefix_bytes": ("gauge_livesum", "Memory of keys and values kept for prompts that begin alike"),
    "daylight_prefix_tokens": ("counter", "Tokens of prompts whose keys and values were there already"),
    "daylight_spans_dropped": ("counter", "Requests whose spans were not made, for too many waited"),
    "daylight_refused_models": ("gauge", "1 where the model's current version cannot be served"),
    "daylight_model_info": ("gauge", "1 for each model that is served, with the version that answers"),
    "daylight_model_packed_timestamp_seconds": ("gauge", "When the version that answers was packed, in Unix time"),
    "daylight_memory_bytes": (
        "gauge",
        "Memory that the processes of the server hold; a page that several share counts for each by its share",
    ),
    "daylight_drift_counted_rows": (
        "counter",
        "Rows that were counted for drift, those among them that were refused too",
    ),
    "daylight_drift_skipped_rows": (
        "counter",
        "Rows that were not counted for drift, since more came than its window holds",
    ),
    "daylight_drift_rows": ("gauge", "Rows of the window that drift is measured on; fewer than 200 say nothing"),
    "daylight_drift_features": ("gauge", "Columns and outputs that have drifted from the training sample"),
    "daylight_drift_psi": ("gauge", "Population stability index of a column or an output against the training sample"),
    "daylight_drift_missing_ratio": ("gauge", "Share of a column's cells that are missing"),
    "daylight_drift_strange_ratio": (
        "gauge",
        "Share of a column's cells that are outside the training sample's range, or unknown categories",
    ),
    "daylight_store_followed_timestamp_seconds": (
        "gauge",
        "When the store elsewhere that the server follows was looked at last, in Unix time",
    ),
    "daylight_build_info": ("gauge", "1, with the versions of Daylight and of Python"),
}


class Meter:
    """The metrics of one worker. folder: the run folder that workers share; "" where this process is alone."""

    def __init__(self, folder: str = "") -> None:
        self.folder = os.path.join(folder, "metrics") if folder else tempfile.mkdtemp(prefix="daylight-metrics-")
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._lock = threading.Lock()
        self._files: dict[str, MetricFile] = {}  # by type
        weakref.finalize(self, close_files, self._files, None if folder else self.folder)
        self._requests: dict[tuple, Value] = {}  # (route, method, status, model) -> its counter
        self._latencies: dict[str, tuple] = {}  # model -> (histogram of seconds, [(stage, seconds)])
        self._rows: dict[str, tuple] = {}  # model -> (rows, histogram of rows)
        self._histograms: dict[tuple[str, str], Histogram] = {}  # (metric, model)
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
            if context.key:
                self._add("daylight_key_requests", 1, key=context.key)
            if context.seconds:
                histogram, stages = self._latencies.get(context.model) or self._new_latency(context.model)
                histogram.observe(latency)
                for stage, value in stages:
                    seconds = context.seconds.get(stage)
                    if seconds:
                        value.add(seconds)
                if context.rows:
                    rows, histogram = self._rows.get(context.model) or self._new_rows(context.model)
                    rows.add(context.rows)
                    histogram.observe(context.batch)
                if context.tokens:
                    for of, count in zip(("prompt", "completion"), context.tokens, strict=True):
                        self._add("daylight_tokens", count, model=context.model, of=of)
            elif context.refused:
                self._add("daylight_refusals", 1, code=context.refused, model=context.model)
            for generation in context.generations:
                self._written(generation, context)

    def _written(self, generation: Any, context: RequestContext) -> None:
        """Count one completion of a request; the lock is held."""
        if generation.finish_reason == "cancelled":
            self._add("daylight_cancellations", 1, model=context.model)
        if generation.completion_tokens:
            self._histogram("daylight_first_token_seconds", context.model).observe(generation.first - context.began)
        if generation.completion_tokens > 1:
            mean = (generation.last - generation.first) / (generation.completion_tokens - 1)
            self._histogram("daylight_token_seconds", context.model).observe(mean)

    def add(self, metric: str, amount: float, **labels: str) -> None:
        """Add to a counter; for what no request's end counts. metric: of METRICS. labels: of what exists."""
        with self._lock:
            self._add(metric, amount, **labels)

    def set(self, metric: str, number: float, **labels: str) -> None:
        """Set this process's number of a gauge."""
        with self._lock:
            self._other(metric, labels).set(number)

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
            self._other(metric, labels).add(amount)

    def _other(self, metric: str, labels: dict[str, str]) -> Value:
        key = (metric, *labels.values())
        value = self._others.get(key)
        if value is None:
            value = self._others[key] = self._value(metric, labels)
        return value

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
        stages = [(stage, self._value(f"daylight_{stage}_seconds", {"model": model})) for stage in STAGES]
        latency = self._latencies[model] = self._histogram("daylight_request_seconds", model), stages
        return latency

    def _new_rows(self, model: str) -> tuple:
        counter = self._value("daylight_rows", {"model": model})
        rows = self._rows[model] = counter, self._histogram("daylight_batch_rows", model)
        return rows

    def _histogram(self, metric: str, model: str) -> Histogram:
        histogram = self._histograms.get((metric, model))
        if histogram is None:
            labels = {"model": model}
            ends = ROWS if metric == "daylight_batch_rows" else SECONDS
            buckets = [self._value(metric, labels | {"le": floatToGoString(end)}, "_bucket") for end in ends]
            histogram = Histogram(ends, buckets, self._value(metric, labels, "_sum"))
            self._histograms[metric, model] = histogram
        return histogram

    def _value(self, metric: str, labels: dict[str, str], suffix: str | None = None) -> Value:
        file_type, documentation = METRICS[metric]
        suffix = {"counter": "_total"}.get(file_type, "") if suffix is None else suffix
        key = mmap_key(metric, metric + suffix, list(labels), list(labels.values()), documentation)
        try:
            if file_type not in self._files:
                self._files[file_type] = MetricFile(os.path.join(self.folder, f"{file_type}_{os.getpid()}.db"))
            return Value(self._files[file_type], key)
        except OSError as error:
            log.error("%s%s is not counted: %s", metric, labels, error)
            return Uncounted()


class Histogram:
    """The values of one histogram. ends: of its buckets, ascending, the last infinite."""

    __slots__ = ("buckets", "ends", "total")

    def __init__(self, ends: Sequence[float], buckets: Sequence[Value], total: Value) -> None:
        self.ends, self.buckets, self.total = ends, buckets, total

    def observe(self, number: float) -> None:
        self.buckets[bisect_left(self.ends, number)].add(1)
        self.total.add(number)


def close_files(files: dict[str, MetricFile], folder: str | None) -> None:
    """Close the files of a Meter; remove its folder, if it has one of its own."""
    for file in files.values():
        file.close()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
