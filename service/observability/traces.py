"""Spans of requests for an OpenTelemetry collector: the request, its stages, and prefill and decode of completions.

    traces = Traces("http://localhost:4318", meter)
    context.trace = traces.begun()              # where the caller has begun none
    traces.ended("POST", 200, context)          # when the answer has been sent

A request costs a reference in a bounded list; a thread makes its spans of the times that its context has anyway. What
OpenTelemetry's SDK takes from the environment holds: the sampler (OTEL_TRACES_SAMPLER), the name of the service
(OTEL_SERVICE_NAME), headers for the collector. Attributes have the names of
https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from .. import __version__

if TYPE_CHECKING:
    from ..web.context import RequestContext
    from .metrics import Meter

__all__ = ["Traces"]

PACKAGE = __name__.partition(".")[0]
MOST = 10_000  # requests whose spans are still to be made
EVERY = 0.2  # seconds
KEPT = "1", "3"  # last digit of a traceparent whose trace is sampled
PATIENCE = 3.0  # seconds that a collector has to take spans
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
SCOPE = InstrumentationScope("daylight", __version__)


class Traces:
    """The spans of one worker's requests. url: of a collector that takes OTLP over HTTP, without /v1/traces."""

    def __init__(self, url: str, meter: Meter) -> None:
        self.url, self.meter = url, meter
        resource = Resource.create({SERVICE_VERSION: __version__})
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):  # the environment names none
            resource = resource.merge(Resource({SERVICE_NAME: "daylight"}))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.resource, self.sampler = provider.resource, provider.sampler
        self._ended: deque[tuple[str, int, RequestContext, float]] = deque()
        self._starting = threading.Lock()
        self._processor: BatchSpanProcessor | None = None

    def begun(self) -> str:
        """The traceparent of a request that begins a trace; its flag says whether the sampler keeps it."""
        trace = os.urandom(16)
        kept = self.sampler.should_sample(None, int.from_bytes(trace), PACKAGE).decision.is_sampled()
        return f"00-{trace.hex()}-{os.urandom(8).hex()}-{'01' if kept else '00'}"

    def ended(self, method: str, status: int, context: RequestContext) -> None:
        """The request's answer has been sent."""
        if not context.trace.endswith(KEPT):
            return
        if len(self._ended) >= MOST:
            self.meter.add("daylight_spans_dropped", 1)
            return
        if self._processor is None:
            self._start()
        self._ended.append((method, status, context, time.perf_counter()))

    def end(self) -> None:
        """Send what waits, as long as the collector takes it within PATIENCE; for a process that ends."""
        if self._processor is not None:
            self._make_spans()
            self._processor.shutdown()

    def _start(self) -> None:
        """In the process that has the requests, not before its fork."""
        with self._starting:
            if self._processor is not None:
                return
            for handler in logging.getLogger(PACKAGE).handlers:  # a collector that is away is told of in the log's form
                logging.getLogger("opentelemetry").addHandler(handler)
            exporter = OTLPSpanExporter(endpoint=f"{self.url.rstrip('/')}/v1/traces", timeout=PATIENCE)
            self._processor = BatchSpanProcessor(exporter, max_queue_size=6 * MOST, max_export_batch_size=2048)
            threading.Thread(target=self._keep_making_spans, name="daylight-traces", daemon=True).start()
            atexit.register(self.end)

    def _keep_making_spans(self) -> None:
        while True:
            time.sleep(EVERY)
            self._make_spans()

    def _make_spans(self) -> None:
        assert self._processor is not None
        to_unix = time.time() - time.perf_counter()
        while self._ended:
            method, status, context, sent = self._ended.popleft()
            if self._kept(context):
                for span in self._spans(method, status, context, sent, to_unix):
                    self._processor.on_end(span)

    def _kept(self, context: RequestContext) -> bool:
        """Whether the sampler keeps it: of a trace that was begun here, it was asked already."""
        if not context.parent:
            return True
        trace = int(context.trace[3:35], 16)
        caller = SpanContext(trace, int(context.parent, 16), is_remote=True, trace_flags=SAMPLED)
        parent = set_span_in_context(NonRecordingSpan(caller))
        return self.sampler.should_sample(parent, trace, PACKAGE).decision.is_sampled()

    def _spans(
        self, method: str, status: int, context: RequestContext, sent: float, to_unix: float
    ) -> Iterator[ReadableSpan]:
        trace = int(context.trace[3:35], 16)
        here = SpanContext(trace, int(context.trace[36:52], 16), is_remote=False, trace_flags=SAMPLED)
        caller = None
        if context.parent:
            caller = SpanContext(trace, int(context.parent, 16), is_remote=True, trace_flags=SAMPLED)

        def made(name: str, own: SpanContext, parent: SpanContext | None, start: float, end: float, **more: Any) -> Any:
            return ReadableSpan(
                name,
                own,
                parent,
                resource=self.resource,
                instrumentation_scope=SCOPE,
                start_time=int((start + to_unix) * 1e9),
                end_time=int((end + to_unix) * 1e9),
                **more,
            )

        def inside(name: str, start: float, end: float) -> Any:
            own = SpanContext(trace, int.from_bytes(os.urandom(8)), is_remote=False, trace_flags=SAMPLED)
            return made(name, own, here, start, end, kind=SpanKind.INTERNAL)

        for name, start, end in context.laps():
            yield inside(name, start, end)
        for generation in context.generations:
            if generation.completion_tokens:
                yield inside("prefill", context.began, generation.first)
                yield inside("decode", generation.first, generation.last)
        attributes = {
            "http.request.method": method,
            "http.route": context.route,
            "http.response.status_code": status,
            "daylight.request_id": context.id,
            "daylight.model": context.model,
            **({"daylight.rows": context.rows} if context.rows else {}),
            **({"error.type": context.refused or str(status)} if status >= 400 else {}),
        }
        yield made(
            f"{method} {context.route}",
            here,
            caller,
            context.began,
            sent,
            kind=SpanKind.SERVER,
            attributes=attributes,
            status=Status(StatusCode.ERROR if status >= 500 else StatusCode.UNSET),
        )
