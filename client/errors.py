"""Every error that the client raises about a server, as a tree.

    DaylightError
    |- TransportError         no complete answer; a prediction changes nothing, so it is safe to send again
    |   |- ConnectError       no connection: the request was never sent
    |   |- ConnectionDropped  the server closed a kept connection at the moment of use
    |   `- TimedOut           the server was silent for longer than the timeout
    |- InvalidRequest         4xx: the request must change; `details` lists every violation
    |   `- ModelNotFound      no such model or version, or no default model
    |- Unavailable            429, 503: safe to send again, after `retry_after` seconds
    `- ServerError            5xx, a redirect, or an answer that is not Daylight's (a proxy's HTML, broken JSON)

Arguments that can never be sent (an infinity, an object JSON does not know) are ValueError
or TypeError, as everywhere in Python. This module imports no HTTP library.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, TypeVar

__all__ = [
    "ConnectError",
    "ConnectionDropped",
    "DaylightError",
    "InvalidRequest",
    "ModelNotFound",
    "ServerError",
    "TimedOut",
    "TransportError",
    "Unavailable",
    "excerpt",
    "from_answer",
]

Self = TypeVar("Self", bound="DaylightError")

MAX_SHOWN = 5  # violations in str(); `details` has all that the server sent


class DaylightError(Exception):
    """The base of all errors that concern a server.

    message: the server's message. status: the HTTP status; code: the server's error code; request_id: the id
    in the server's log; each None if the server sent none. details: list of violations, each a dict such as
    ``{"row", "column", "expected", "got"}`` (rows count from 0); total: the number of all violations.
    retry_after: seconds, or None. `str()` gives all of this in a few lines.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        details: Iterable[dict[str, Any]] = (),
        total: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = list(details)
        self.total = len(self.details) if total is None else total
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        lines = [violation_line(violation) for violation in self.details if "expected" in violation]
        text = self.message
        if len(lines) > 1:  # a single violation is in the message already
            more = [f"... and {self.total - MAX_SHOWN} more"] if self.total > MAX_SHOWN else []
            text = "\n  ".join([f"{self.total} values are not as expected", *lines[:MAX_SHOWN], *more])
        parts = [str(self.status or ""), self.code or "", f"request {self.request_id}" if self.request_id else ""]
        origin = ", ".join(part for part in parts if part)
        first, *rest = text.split("\n")
        return "\n".join([f"{first} ({origin})" if origin else first, *rest])

    def in_whole(self: Self, start: int) -> Self:
        """The same error in a table of which the refused rows are the part that begins with row `start`."""
        details = [{**each, "row": each["row"] + start} if "row" in each else each for each in self.details]
        message = re.sub(r"\Arow (\d+)", lambda found: f"row {int(found[1]) + start}", self.message)
        return type(self)(
            message,
            status=self.status,
            code=self.code,
            details=details,
            total=self.total,
            request_id=self.request_id,
            retry_after=self.retry_after,
        )


class TransportError(DaylightError):
    """No complete answer came back. Safe to send again."""


class ConnectError(TransportError):
    """There is no connection to the server; the request was never sent. Safe to send again."""


class ConnectionDropped(TransportError):
    """A connection that had answered before was closed without a byte of this answer. Safe to send again."""


class TimedOut(TransportError):
    """The server was silent for longer than the timeout. Safe to send again."""


class InvalidRequest(DaylightError):
    """The request is refused and must change; sending it again does not help."""


class ModelNotFound(InvalidRequest):
    """The server has no such model or version, or no default of the kind; the message names what it has."""


class Unavailable(DaylightError):
    """Too many requests wait, or the models are not ready. Safe to send again after `retry_after` seconds."""


class ServerError(DaylightError):
    """The server failed, or the answer is not from a Daylight server."""


def from_answer(status: int, headers: Mapping[str, str], content: bytes) -> DaylightError:
    """The error for an answer other than 2xx, whose body may be JSON of either form, HTML or empty.

    status: int; headers: a mapping of any case; content: bytes.
    """
    error = error_object(content)
    code = text_or_none(error.get("code"))
    details = error.get("details")
    violations = details if isinstance(details, list) else []
    return error_class(status, code)(
        text_or_none(error.get("message")) or f"the server answered {status} and did not say why{excerpt(content)}",
        status=status,
        code=code,
        details=[violation for violation in violations if isinstance(violation, dict)],
        total=error["total"] if isinstance(error.get("total"), int) else None,
        request_id=text_or_none(error.get("request_id")) or headers.get("X-Request-ID"),
        retry_after=retry_after_seconds(headers.get("Retry-After")),
    )


def error_class(status: int, code: str | None) -> type[DaylightError]:
    if status in (429, 503):
        return Unavailable
    if status == 404 and code == "model_not_found":
        return ModelNotFound
    return InvalidRequest if 400 <= status < 500 else ServerError


def error_object(content: bytes) -> dict[str, Any]:
    """The error in a body as {"message", "code", ...}; {} if there is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # on /v1 the error is a string, and the other fields are its siblings
        return {**body, "message": error}
    return error if isinstance(error, dict) else {}


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def excerpt(content: bytes) -> str:
    """The beginning of an unexpected body without its markup, as the end of a message."""
    text = re.sub(r"<[^>]*>", " ", content[:2000].decode("utf-8", "replace"))
    words = " ".join(text.split())
    return f": {words[:100]!r}" if words else ""


def retry_after_seconds(header: str | None) -> float | None:
    """Retry-After, a number of seconds or a date, as seconds (float); None if it is neither."""
    if header is None:
        return None
    try:
        number = float(header)
    except ValueError:
        try:
            number = parsedate_to_datetime(header).timestamp() - time()
        except (TypeError, ValueError, OverflowError):
            return None
    return max(0.0, number) if math.isfinite(number) else None


def violation_line(violation: dict[str, Any]) -> str:
    """A violation as one line."""
    named = ("row", "column", "input", "parameter")
    places = [f"{name} {violation[name]!r}" for name in named if name in violation]
    return f"{', '.join(places)}: expected {violation['expected']}, got {violation.get('got')}"
