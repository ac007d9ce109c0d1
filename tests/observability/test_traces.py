"""Spans as a collector gets them: of a real server, read with OpenTelemetry's own messages."""

import gzip
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.support.serving import eventually, live_server
from service.errors import BadSetting
from service.settings import Settings
from tests.support.tiny_text import add_compiled_tiny

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROWS = {"instances": [[5.1, 3.5, 1.4, 0.2]] * 2}
V1 = "/v1/models/iris:predict"


class Collector(ThreadingHTTPServer):
    """Takes spans, and keeps them. got: all of them. services: the names of those that sent them."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taking)
        self.got, self.services = [], set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name):
        return [span for span in self.got if span.name == name]


class Taking(BaseHTTPRequestHandler):
    def do_POST(self):
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in group.resource.attributes}
            self.server.services.add(named["service.name"])
            for scope in group.scope_spans:
                self.server.got += scope.spans
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Tests look at the spans; nobody looks at a log."""


@contextmanager
def collecting():
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join()


@pytest.fixture(scope="module")
def traced(tabular_store):
    """(the URL of a server, its collector)."""
    with collecting() as collector:
        env = {"DAYLIGHT_TRACES": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_SERVICE_NAME": "shop"}
        with live_server(tabular_store, env=env) as server:
            yield server, collector


def of_request(collector, answer):
    """The spans of the trace that an answer names, by their names, once the whole of it is there."""
    _, trace, span, _ = answer.headers["traceparent"].split("-")

    def whole():
        spans = [one for one in collector.got if one.trace_id.hex() == trace]
        return {one.name: one for one in spans} if any(one.span_id.hex() == span for one in spans) else None

    return eventually(whole, what="the spans")


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_is_a_span_below_its_callers_and_its_stages_lie_in_it(traced):
    server, collector = traced
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-ID": "an-id"}
    answer = requests.post(f"{server}{V1}", json=ROWS, headers=headers, timeout=30)
    spans = of_request(collector, answer)
    whole = spans.pop("POST /v1/models/<name>:predict")
    assert whole.trace_id.hex() == TRACE
    assert whole.parent_span_id.hex() == CALLER
    assert whole.kind == whole.SPAN_KIND_SERVER
    assert attributes(whole) == {
        "http.request.method": "POST",
        "http.route": "/v1/models/<name>:predict",
        "http.response.status_code": 200,
        "daylight.request_id": "an-id",
        "daylight.model": "iris",
        "daylight.rows": 2,
    }
    assert set(spans) == {"parse", "check", "queue", "predict", "encode"}
    for stage in spans.values():
        assert stage.parent_span_id == whole.span_id
        assert whole.start_time_unix_nano <= stage.start_time_unix_nano <= stage.end_time_unix_nano
        assert stage.end_time_unix_nano <= whole.end_time_unix_nano
    assert spans["predict"].end_time_unix_nano <= spans["encode"].start_time_unix_nano + 1000
    assert collector.services == {"shop"}


def test_without_a_caller_a_trace_begins_here(traced):
    server, collector = traced
    answer = requests.get(f"{server}/v1/models/absent", timeout=30)
    (whole,) = of_request(collector, answer).values()
    assert not whole.parent_span_id
    assert attributes(whole)["error.type"] == "model_not_found"
    assert whole.status.code == whole.status.STATUS_CODE_UNSET  # the caller's mistake, not the server's


def test_a_caller_who_does_not_keep_the_trace_sends_no_spans(traced):
    server, collector = traced
    other = "1" * 32
    headers = {"traceparent": f"00-{other}-{CALLER}-00"}
    answer = requests.post(f"{server}{V1}", json=ROWS, headers=headers, timeout=30)
    assert answer.headers["traceparent"].startswith(f"00-{other}-")
    of_request(collector, requests.post(f"{server}{V1}", json=ROWS, timeout=30))  # a later one is there
    assert not [span for span in collector.got if span.trace_id.hex() == other]


def test_a_completion_has_its_prefill_and_its_decode(tmp_path):
    add_compiled_tiny(tmp_path)
    with collecting() as collector:
        env = {"DAYLIGHT_TRACES": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with live_server(tmp_path, env=env) as server:
            body = {"model": "tiny", "prompt": "ab", "max_tokens": 4, "ignore_eos": True, "stream": True}
            answer = requests.post(f"{server}/v1/completions", json=body, timeout=60)
            spans = of_request(collector, answer)
        assert spans["prefill"].end_time_unix_nano == spans["decode"].start_time_unix_nano
        assert spans["decode"].end_time_unix_nano <= spans["POST /v1/completions"].end_time_unix_nano


def test_a_worker_that_ends_sends_what_it_has(tabular_store):
    with collecting() as collector:
        env = {"DAYLIGHT_TRACES": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
        with live_server(tabular_store, env=env) as server:
            requests.post(f"{server}{V1}", json=ROWS, timeout=30)
            assert not collector.got
        assert len(collector.named("POST /v1/models/<name>:predict")) == 1


def test_a_collector_that_is_away_costs_nobody_an_answer(tabular_store):
    env = {"DAYLIGHT_TRACES": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with live_server(tabular_store, env=env) as server:
        for _ in range(5):
            assert requests.post(f"{server}{V1}", json=ROWS, timeout=30).ok


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://collector", "http://"])
def test_what_is_no_url_is_no_setting(url):
    with pytest.raises(BadSetting, match=re.escape(f"DAYLIGHT_TRACES='{url}': expected an http:// or https:// URL")):
        Settings.from_environ({"DAYLIGHT_TRACES": url})
