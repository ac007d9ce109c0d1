"""Per-request context: id, deadline, API key, model, and where the request's time goes.

    context = RequestContext("id-of-the-caller")
    context.lap("parse")
    context.headers()       # [("X-Request-ID", "id-of-the-caller"), ("Server-Timing", "parse;dur=0.021")]

It knows no framework: the middleware makes one for every request and puts it into the WSGI environ.
"""

from __future__ import annotations

import os
import re
import select
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from time import perf_counter
from typing import Any

from ..errors import RequestError

__all__ = ["ENVIRON", "LONGEST", "SECURITY_HEADERS", "STATUS", "RequestContext"]

ENVIRON = "daylight.context"
STATUS = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}  # as WSGI wants it
SOUND_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
SAME_NAMES: Mapping[str, str] = {}
LONGEST = 86_400  # seconds; a larger X-Request-Timeout is refused with 400


# What browsers are to make of an answer, as OWASP's cheat sheet for REST services has it: it is what its type says,
# runs nothing, stands in no frame, is embedded by no other site, names this server to none, and is not kept.
SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


@lru_cache(maxsize=64)
def timing_of(stages: tuple[str, ...]) -> str:
    """Server-Timing of these stages, for their milliseconds to be put into."""
    return ", ".join(f"{stage};dur=%.3f" for stage in stages)


class RequestContext:
    """What is known of one request.

    id: the caller's X-Request-ID where it is sound, else a new one. began: the `perf_counter()` moment at which a
    thread took the request. deadline: None, or such a moment after which nobody waits for the answer. key: the name
    of the API key, "" without one. allowed: whether the caller may see what the models are. route: the pattern that
    the path matched, "-" without a match. model: its name, "-" until it is found. socket: the client's connection,
    or None. body: the request's, still compressed, where the worker has read it; else None, and the environ has it.
    size: of the body, in bytes, uncompressed. names: {parameter: its name in the body}, where that is another. dialect:
    in whose form errors are, where the body tells, and not the path; else None. media_type, more: of the answer, its
    Content-Type and further headers. refused: the code of the error that was answered, "" without an error. seconds:
    {stage: seconds}, empty until something was predicted. tokens: (of prompts, of completions), or None. rows: of the
    table, and batch: of the call of the model that answered it; 0 where there is none. generations: what is written for
    it. trace: its traceparent (trace.py), parent: the caller's span in it; "" without one.
    """

    __slots__ = (
        "_last",
        "allowed",
        "batch",
        "began",
        "body",
        "deadline",
        "dialect",
        "generations",
        "id",
        "key",
        "media_type",
        "model",
        "more",
        "names",
        "parent",
        "refused",
        "route",
        "rows",
        "seconds",
        "size",
        "socket",
        "tokens",
        "trace",
    )

    def __init__(self, caller_id: str | None = None) -> None:
        self.began = self._last = perf_counter()
        self.id = caller_id if caller_id and SOUND_ID.fullmatch(caller_id) else os.urandom(16).hex()
        self.deadline: float | None = None
        self.allowed = True
        self.key = self.refused = self.trace = self.parent = ""
        self.media_type = "application/json"
        self.model = self.route = "-"
        self.seconds: dict[str, float] = {}
        self.socket: Any = None
        self.body: bytes | None = None
        self.size = 0
        self.tokens: tuple[int, int] | None = None
        self.rows = self.batch = 0
        self.generations: Sequence[Any] = ()
        self.more: Sequence[tuple[str, str]] = ()
        self.names: Mapping[str, str] = SAME_NAMES
        self.dialect: Any = None

    def set_timeout(self, header: str) -> None:
        """Set the deadline from X-Request-Timeout. Raises RequestError unless it is a number of seconds."""
        if not SECONDS.fullmatch(header) or not 0 < float(header) <= LONGEST:
            raise RequestError(f"X-Request-Timeout: expected seconds, more than 0 and at most {LONGEST}")
        self.deadline = self.began + float(header)

    def limit_timeout(self, seconds: float) -> None:
        """Move the deadline to at most `seconds` after the request began."""
        deadline = self.began + seconds
        self.deadline = deadline if self.deadline is None else min(deadline, self.deadline)

    def gone(self) -> bool:
        """Whether the client has closed the connection. Bytes of a next request say nothing about it."""
        if type(self.socket) is not socket.socket:  # None, or a wrapped socket that cannot be peeked into
            return False
        try:
            readable = select.poll()
            readable.register(self.socket, select.POLLIN)
            return bool(readable.poll(0)) and self.socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def waited(self, now: float) -> float:
        """Seconds from the last lap to a `perf_counter()` moment."""
        return now - self._last

    def start(self) -> None:
        """Time counts for the next lap from now on."""
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last lap was spent on `stage`."""
        now = perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now

    def record(self, answer: Any) -> None:
        """Take over the seconds that the model measured of the running lap, and its counts of rows and tokens."""
        self.seconds.update(answer.seconds)
        self._last += sum(answer.seconds.values())
        table = getattr(answer, "table", None)
        if table is not None:
            self.rows, self.batch = table.rows, answer.batch
        if answer.tokens is not None:
            self.tokens = answer.tokens

    def laps(self) -> Iterator[tuple[str, float, float]]:
        """(stage, its start, its end) as `perf_counter()` moments; the stages follow each other until the last lap."""
        start = self._last - sum(self.seconds.values())
        for stage, seconds in self.seconds.items():
            yield stage, start, start + seconds
            start += seconds

    def headers(self, present: Collection[str] = ()) -> list[tuple[str, str]]:
        """The headers that every answer has; Server-Timing, in milliseconds, only where something was predicted.

        present: names, in lower case, of headers that the answer has already; a security header among them stands.
        """
        security = (
            [pair for pair in SECURITY_HEADERS if pair[0].lower() not in present] if present else SECURITY_HEADERS
        )
        headers = [("X-Request-ID", self.id), *security, *self.more]
        if self.trace:
            headers.append(("traceparent", self.trace))
        if self.seconds:
            headers.append(("Server-Timing", self.timing))
        return headers

    @property
    def timing(self) -> str:
        """The stages of the request and their milliseconds, as Server-Timing has them."""
        return timing_of(tuple(self.seconds)) % tuple([seconds * 1000 for seconds in self.seconds.values()])
