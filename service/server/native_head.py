"""Heads of requests as llhttp reads them, of those requests that need neither Flask nor a whole WSGI environ.

    heads = NativeHeads(cfg, find)      # find(path): the route that answers a POST there, or None
    heads.read(b"POST /v1/models/tumour:predict HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\n\\r\\n")

llhttp takes a few things that RFC 9112 does not allow, and others that are allowed and rare. Both are left to
gunicorn's parser, which is slower and stricter: `read` returns None for them. So whatever is refused is refused by
gunicorn, in its words, and a head that is read here means the same to gunicorn: tests/server/test_native_head.py
compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from httptools import HttpParserError, HttpRequestParser

from .request_rules import is_host

__all__ = ["NativeHead", "NativeHeads"]

KEPT = 256  # heads: the clients of a worker write few different ones, again and again
SHORT = 1024  # bytes of a head that is kept
# Lines of which proxies and tracers write another one for each request.
VARYING = re.compile(rb"\r\n([Xx]-[Rr]equest-[Ii][Dd]|[Tt]raceparent): ([!-~]+)(?=\r\n)")
KEEP = "keep-alive"
LONGEST_LENGTH = 15  # digits of Content-Length
ALLOWED = bytes(range(0x20, 0x7F)) + b"\t\r\n"
UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade"})  # what they ask for is gunicorn's business
OF_THE_LINE = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING")
OWN_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}  # in an environ, without HTTP_


class NativeHead(NamedTuple):
    """A head of a POST. It may stand for many requests, and nothing of it is changed.

    route: what `find` gave for its path. path: as in the URL, without the query. environ: those of WSGI's keys that
    come from the request alone. length: bytes of the body.
    """

    route: Any
    path: str
    environ: dict[str, Any]
    length: int


class Fields:
    """What the parser calls for the parts of a head, in their order."""

    __slots__ = ("fields", "url")

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


class NativeHeads:
    """Reads heads, and keeps those it has read lately: most clients send the same one each time, but for VARYING."""

    def __init__(self, cfg: Any, find: Callable[[str], Any]) -> None:
        """cfg: gunicorn's configuration, whose limits hold here, too."""
        self.find = find
        self.most_fields = cfg.limit_request_fields
        self.most_bytes = min(cfg.limit_request_line, cfg.limit_request_field_size)  # of all lines, not of each
        self.short = min(SHORT, self.most_bytes)
        self.known: dict[bytes, NativeHead] = {}

    def read(self, head: bytes) -> NativeHead | None:
        """head: a request's bytes to the end of its empty line. None: gunicorn's parser is to read it."""
        found = self.known.get(head)
        if found is not None or not head.startswith(b"POST /"):
            return found
        if len(head) > self.short:
            return self.parse(head)
        common, own = apart(head)
        found = self.known.get(common)
        if found is None:
            found = self.parse(common)
            if found is None:
                return None
            if len(self.known) >= KEPT:
                self.known.clear()
            self.known[common] = found
        if not own:
            return found
        fields = len(found.environ) - len(OF_THE_LINE) + len(own)
        if fields > self.most_fields or not own.keys().isdisjoint(found.environ):
            return None
        return NativeHead(found.route, found.path, found.environ | own, found.length)

    def parse(self, head: bytes) -> NativeHead | None:
        if len(head) > self.most_bytes or head.translate(None, ALLOWED):
            return None
        parts = Fields()
        try:
            HttpRequestParser(parts).feed_data(head)
        except HttpParserError:
            return None
        if not head.startswith(b"POST %b HTTP/1.1\r\n" % parts.url) or b"#" in parts.url:
            return None
        path, _, query = parts.url.decode("ascii").partition("?")
        route = self.find(path)
        # Each line is ended by one LF: the first, those of the fields, and the empty one.
        if route is None or len(parts.fields) > self.most_fields or head.count(b"\n") != len(parts.fields) + 2:
            return None
        environ = environ_of(parts.fields)
        length = environ.get("CONTENT_LENGTH", "0") if environ else ""
        if not length.isdigit() or len(length) > LONGEST_LENGTH:
            return None
        environ |= zip(OF_THE_LINE, ("POST", path, query), strict=True)
        return NativeHead(route, path, environ, int(length))


def apart(head: bytes) -> tuple[bytes, dict[str, str]]:
    """(a head without its VARYING lines, what they say under WSGI's names); a head that has one of them twice is left
    whole, for that is gunicorn's business.
    """
    pieces = VARYING.split(head)
    own = {key_of(name): value.decode("ascii") for name, value in zip(pieces[1::3], pieces[2::3], strict=True)}
    return (b"".join(pieces[::3]), own) if 3 * len(own) == len(pieces) - 1 else (head, {})


def environ_of(fields: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """The fields of a head under WSGI's names; empty where one of them is unusual."""
    environ: dict[str, Any] = {}
    for name, value in fields:
        key = key_of(name)
        if not key or key in environ:
            return {}
        environ[key] = value.decode("ascii").strip(" \t")
    if environ.get("HTTP_CONNECTION", KEEP).lower() != KEEP or not is_host(environ.get("HTTP_HOST", "?")):
        return {}
    return environ


@lru_cache(maxsize=256)
def key_of(name: bytes) -> str:
    """WSGI's name of a field; "" where gunicorn is to decide what becomes of it.

    Of "X_A" its header_map decides: to WSGI it would be the same as "X-A".
    """
    lower = name.lower()
    if lower in UNUSUAL or b"_" in lower:
        return ""
    return OWN_NAMES.get(lower) or "HTTP_" + lower.decode("ascii").upper().replace("-", "_")
