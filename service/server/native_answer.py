"""Answers as they are sent without WSGI.

writer = AnswerWriter()
writer.send(connection, answer, keep=True)      # b"HTTP/1.1 200 OK\\r\\nServer: gunicorn\\r\\n..."
"""

from __future__ import annotations

from time import time
from typing import Any, NamedTuple

from gunicorn import SERVER
from gunicorn.http.errors import InvalidHeader
from gunicorn.util import http_date

from ..web.context import SECURITY_HEADERS, STATUS

__all__ = ["AnswerWriter"]

USUAL = "".join(f"{name}: {value}\r\n" for name, value in (("Content-Type", "application/json"), *SECURITY_HEADERS))


class Lines(NamedTuple):
    """What all answers of a second begin with. dated: of any answer, after its status. usual: of a 200 of JSON."""

    second: int
    dated: str
    usual: str


def lines_of(second: int) -> Lines:
    dated = f"Server: {SERVER}\r\nDate: {http_date(second)}\r\n"
    return Lines(second, dated, f"HTTP/1.1 200 OK\r\n{dated}Connection: keep-alive\r\n{USUAL}")


class AnswerWriter:
    """Writes answers, for any thread. The lines that all of a second share are made once, and replaced as a whole."""

    def __init__(self) -> None:
        self.lines = lines_of(0)

    def send(self, connection: Any, answer: Any, *, keep: bool) -> None:
        """Send a DirectAnswer: in one piece, or in chunks as they come.

        keep: whether the connection stays. Raises gunicorn's InvalidHeader, or what the body raises.
        """
        head = self.head(answer, keep)
        if type(answer.body) is bytes:
            connection.sendall(head + answer.body)
            return
        connection.sendall(head)
        for piece in filter(None, answer.body):
            connection.sendall(b"%X\r\n%b\r\n" % (len(piece), piece))
            if connection.broken:  # nobody reads the rest
                return
        connection.sendall(b"0\r\n\r\n")

    def head(self, answer: Any, keep: bool) -> bytes:
        now, lines = int(time()), self.lines
        if now != lines.second:
            lines = self.lines = lines_of(now)
        if keep and answer.usual:
            context = answer.context
            timing = f"Server-Timing: {context.timing}\r\n" if context.seconds else ""
            if context.trace:
                timing += f"traceparent: {context.trace}\r\n"
            text = f"{lines.usual}Content-Length: {len(answer.body)}\r\nX-Request-ID: {context.id}\r\n{timing}\r\n"
        else:
            text = self.spelled_out(answer, keep, lines.dated)
        return text.encode("ascii")

    def spelled_out(self, answer: Any, keep: bool, dated: str) -> str:
        whole = type(answer.body) is bytes
        fields = [
            ("Connection", "keep-alive" if keep else "close"),
            ("Content-Length", str(len(answer.body))) if whole else ("Transfer-Encoding", "chunked"),
            *answer.fields(),
        ]
        for name, value in fields:
            if not (value.isascii() and value.isprintable()):
                raise InvalidHeader(f"{name}: {value!r}")
        text = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {STATUS[answer.status]}\r\n{dated}{text}\r\n"
