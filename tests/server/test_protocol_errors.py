"""Bytes that are not HTTP as the server takes it: an answer in JSON with an id, which the log has, too."""

import json

import pytest

from benchmarks.support.serving import eventually, live_server
from tests.support.raw_http import exchange
from tests.support.workers import GTHREAD, KEEP_ALIVE

LONG = b"x" * 70_000
REQUESTS = {
    "no method": (b"G\xc3T / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "no version": (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    "no header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400),
    "a long line": (b"GET /predict?text=" + LONG + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "a long header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + LONG + b"\r\n\r\n", 431),
    "another coding": (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: tea\r\n\r\n", 501),
    "another expectation": (b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n", 417),
}


@pytest.fixture(scope="module", params=[KEEP_ALIVE, GTHREAD], ids=["keep-alive", "gthread"])
def server(request, tabular_store):
    with live_server(tabular_store, env=request.param) as server:
        yield server


def answer_to(server, sent):
    """(status, headers, body) of what comes back until the connection ends."""
    head, _, body = exchange(server, sent).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_protocol_error_is_json_with_an_id_that_the_log_has(server, name):
    sent, wanted = REQUESTS[name]
    status, headers, body = answer_to(server, sent)
    assert (status, headers["content-type"], headers["connection"]) == (wanted, "application/json", "close")
    error = body["error"]
    assert error["request_id"] == headers["x-request-id"]
    assert error["code"] == "bad_request"
    assert error["message"]
    eventually(lambda: f"id={error['request_id']}" in server.log, what="the line in the log")
