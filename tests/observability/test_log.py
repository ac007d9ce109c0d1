"""The log's two forms: lines for people, objects for what collects logs."""

import io
import json
import logging
import re
import sys

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from service.observability import access_log
from service.observability.log_formats import JsonFormatter, as_json
from service.web.context import RequestContext

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_json_is_for_whatever_is_no_terminal():
    assert as_json("auto", io.StringIO())
    assert not as_json("auto", Terminal())
    assert as_json("json", Terminal())
    assert not as_json("text", io.StringIO())


@pytest.fixture
def written(monkeypatch, caplog):
    """Writes the line of a request in a form, and gives what was written."""

    def line(json, path="/predict", trace=""):
        handler = access_log.Stderr(json)
        lines = []
        monkeypatch.setattr(handler.lines, "add", lines.append)
        monkeypatch.setattr(access_log, "own_handler", lambda: handler)
        caplog.set_level(logging.INFO)
        context = RequestContext("an-id")
        context.model, context.trace, context.key = "tumour", trace, "shop"
        access_log.line("POST", path, 200, context)
        (one,) = lines
        return one

    return line


def test_a_request_as_text(written):
    assert re.fullmatch(
        rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ INFO POST /predict 200 \d+\.\dms model=tumour id=an-id key=shop "
        rb"trace=0af7651916cd43dd8448eb211c80319c span=b7ad6b7169203331\n",
        written(False, trace=TRACE),
    )


def test_a_request_as_json(written):
    line = written(True, trace=TRACE)
    told = json.loads(line)
    assert line.count(b"\n") == 1
    assert UTC.fullmatch(told.pop("time"))
    assert told.pop("milliseconds") >= 0
    assert told.pop("process") > 0
    assert told == {
        "level": "INFO",
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "model": "tumour",
        "id": "an-id",
        "key": "shop",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
    }


@pytest.mark.parametrize("path", ["/a\nb", "/\x1b[31m", "/\udcff", '/"', "/Ã¼"])
@pytest.mark.parametrize("form", [False, True])
def test_no_path_ends_a_line_or_colors_a_terminal(written, form, path):
    line = written(form, path)
    assert line.count(b"\n") == 1
    assert b"\x1b" not in line
    if form:
        assert json.loads(line)["path"] == path.replace("\udcff", "?")


def test_a_traceback_is_inside_of_its_line():
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("any").makeRecord("any", logging.ERROR, "", 1, "it %s", ("failed",), True)
        record.exc_info = sys.exc_info()
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == "it failed"
    assert told["exception"].endswith("ValueError: two\nlines")


def test_every_line_of_a_server_is_json_where_nobody_looks(tabular_store):
    """gunicorn's own lines, Daylight's and those of requests: a collector that splits at line ends reads them all."""
    with live_server(tabular_store) as server:
        requests.post(f"{server}/v1/models/iris:predict", json={"instances": [[1, 2, 3, 4]]}, timeout=30)
        requests.post(f"{server}/v1/models/iris:predict", json={"instances": [["x"]]}, timeout=30)
        # Not the status: a time, an id or a port may hold its digits, too.
        eventually(lambda: server.log.count('"method":"POST"') == 2, what="the lines of both requests")
        log = server.log
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(UTC.fullmatch(line["time"]) and line["level"] and line["process"] for line in lines)
    messages = [line["message"] for line in lines if "message" in line]
    assert any(message.startswith("Listening at: ") for message in messages)
    assert any(message.startswith("loaded iris version 1") for message in messages)
    asked = [line for line in lines if line.get("method") == "POST"]
    assert [line["status"] for line in asked] == [200, 422]


def test_a_server_writes_text_where_it_is_told_to(tabular_store):
    with live_server(tabular_store, env={"DAYLIGHT_LOG_FORMAT": "text"}) as server:
        requests.get(f"{server}/v1/models", timeout=30)
        assert "[INFO] Listening at: http" in server.log
        line = re.compile(r" INFO GET /v1/models 200 \d+\.\dms model=- id=\w+\n")
        eventually(lambda: line.search(server.log), what="the line of the request")
