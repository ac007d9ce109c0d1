"""Answers that are written by several threads in the first moments of a second."""

import threading
from types import SimpleNamespace

import pytest

from service.server import native_answer
from service.server.native_answer import AnswerWriter


class Answer:
    """Stands for a web.direct.DirectAnswer."""

    status, body, usual = 200, b"{}", True
    context = SimpleNamespace(id="1", seconds={}, timing="", trace="")

    def fields(self):
        return [("Content-Type", "application/json")]


class Connection:
    def __init__(self):
        self.sent = b""

    def sendall(self, data):
        self.sent += data


@pytest.mark.parametrize("usual", [True, False])
def test_no_thread_sends_a_head_that_another_one_is_still_making(monkeypatch, usual):
    """While the first thread wrote the second's date, the next one sent an answer that began with Content-Length."""
    writer, makes, others = AnswerWriter(), threading.Event(), threading.Event()

    def slow_date(second):
        if not makes.is_set():
            makes.set()
            others.wait(5)
        return f"second {second}"

    monkeypatch.setattr(native_answer, "http_date", slow_date)
    answer = Answer()
    answer.usual = usual
    first, second = Connection(), Connection()
    thread = threading.Thread(target=writer.send, args=(first, answer), kwargs={"keep": True})
    thread.start()
    makes.wait(5)
    writer.send(second, answer, keep=True)
    others.set()
    thread.join()
    for connection in (first, second):
        assert connection.sent.startswith(b"HTTP/1.1 200 OK\r\nServer: gunicorn")
        assert b"\r\nDate: second " in connection.sent


def test_the_trace_is_told_in_the_quick_head_too():
    answer, connection = Answer(), Connection()
    answer.context = SimpleNamespace(id="1", seconds={}, timing="", trace="00-1-2-01")
    AnswerWriter().send(connection, answer, keep=True)
    head, _, body = connection.sent.partition(b"\r\n\r\n")
    assert (head.splitlines()[-1], body) == (b"traceparent: 00-1-2-01", b"{}")
