"""Answers as they are sent without WSGI.

writer = AnswerWriter()
writer.send(connection, answer, keep=True)      # b"HTTP/1.1 200 OK\\r\\nServer: gunicorn\\r\\n..."
"""

from __future__ import annotations

from time import time
from typing import Any

from gunicorn import SERVER
from gunicorn.http.errors import InvalidHeader
from gunicorn.util import http_date

from ..web.context import SECURITY_HEADERS, STATUS

__all__ = ["AnswerWriter"]

USUAL = "".join(f"{name}: {value}\r\n" for name, value in (("Content-Type", "application/json"), *SECURITY_HEADERS))


class AnswerWriter:
    """Writes answers. The lines that all of a second share are made once."""

    def __init__(self) -> None:
        self.second = 0
        self.dated = self.usual = ""

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
        now = int(time())
        if now != self.second:
            self.second = now
            self.dated = f"Server: {SERVER}\r\nDate: {http_date(now)}\r\n"
            self.usual = f"HTTP/1.1 200 OK\r\n{self.dated}Connection: keep-alive\r\n{USUAL}"
        if keep and answer.usual:
            context = answer.context
            timing = f"Server-Timing: {context.timing}\r\n" if context.seconds else ""
            text = f"{self.usual}Content-Length: {len(answer.body)}\r\nX-Request-ID: {context.id}\r\n{timing}\r\n"
        else:
            text = self.spelled_out(answer, keep)
        return text.encode("ascii")

    def spelled_out(self, answer: Any, keep: bool) -> str:
        whole = type(answer.body) is bytes
        fields = [
            ("Connection", "keep-alive" if keep else "close"),
            ("Content-Length", str(len(answer.body))) if whole else ("Transfer-Encoding", "chunked"),
            *answer.fields(),
        ]
        for name, value in fields:
            if not (value.isascii() and value.isprintable()):
                raise InvalidHeader(f"{name}: {value!r}")
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {STATUS[answer.status]}\r\n{self.dated}{lines}\r\n"
