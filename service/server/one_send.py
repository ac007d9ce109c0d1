"""gunicorn's response as Daylight's workers send it."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from gunicorn.http import wsgi
from gunicorn.util import http_date

from ..web.context import SECURITY_HEADERS

__all__ = ["OneSend"]

# Headers that most answers have, as they are sent.
TYPE = ("Content-Type", "application/json")
USUAL = {(name, value): f"{name}: {value}\r\n" for name, value in (*SECURITY_HEADERS, TYPE)}
CHECKED: set[str] = set()  # names of headers that gunicorn passes on as they are; the application has few
SPECIAL = ("content-length", "upgrade")  # headers that gunicorn itself takes note of


class OneSend(wsgi.Response):
    """gunicorn's response, with the head and the first piece of the body in one send."""

    held = b""
    headers_sent = False
    usual: Sequence[str] = ()
    second, date = 0, ""  # the time as HTTP writes it, formatted once a second

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        """gunicorn's checks; of a name that has passed them once, only the value is checked again."""
        usual = []
        for pair in headers:
            if line := USUAL.get(pair):
                usual.append(line)
                continue
            name, value = pair
            if name in CHECKED and value.isascii() and value.isprintable():
                self.headers.append((name, value.strip()))
                continue
            before = len(self.headers)
            super().process_headers([(name, value)])
            if len(self.headers) > before and name.lower() not in SPECIAL:
                CHECKED.add(name)
        self.usual = usual

    def default_headers(self) -> list[str]:
        now = int(time())
        if now != OneSend.second:
            OneSend.date, OneSend.second = http_date(now), now
        major, minor = self.req.version
        # Where a body broke off, nobody knows where the next request begins.
        ends = self.should_close() or getattr(self.req.body, "failed", False)
        connection = "close" if ends else "keep-alive"
        encoding = ["Transfer-Encoding: chunked\r\n"] if self.chunked else []
        first = f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n"
        return [first, f"Date: {self.date}\r\nConnection: {connection}\r\n", *encoding]

    def send_headers(self) -> None:
        if not self.headers_sent:
            others = [f"{name}: {value}\r\n" for name, value in self.headers]
            self.held = "".join([*self.default_headers(), *self.usual, *others, "\r\n"]).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data: bytes) -> None:
        framed = b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data
        self.sock.sendall(self.held + framed)
        self.held = b""

    def close(self) -> None:
        self.send_headers()
        rest = self.held + (b"0\r\n\r\n" if self.chunked else b"")
        if rest:
            self.sock.sendall(rest)
        self.held = b""

    def can_sendfile(self) -> bool:
        return False  # it would block on a client that does not read
