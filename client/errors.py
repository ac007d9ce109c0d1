"""Every error the client raises about a server, drawn as a tree.

    DaylightError
    |- TransportError         no answer, or not all of one; predicting changes nothing, so it is safe to send again
    |   |- ConnectError       no connection: the request was never sent
    |   |- ConnectionDropped  a kept connection was closed in the moment it was used
    |   `- TimedOut           the server was silent for longer than the timeout
    |- InvalidRequest         4xx: the request must change; `details` lists every violation
    |   `- ModelNotFound      no such model or version, or no default to choose
    |- Unavailable            429, 503: safe to send again, after `retry_after` seconds
    `- ServerError            5xx, a redirect, or an answer that is not Daylight's (a proxy's HTML, broken JSON)

Arguments that can never be sent (an infinity, an object JSON does not know) are ValueError
or TypeError, as everywhere in Python. This module knows no HTTP library.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

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

SHOWN = 5  # violations in a message; all that the server sent are in `details`


class DaylightError(Exception):
    """Anything that went wrong between this client and its server.

    message: the server's own sentence. status: the HTTP status, code: the server's word for the
    error, request_id: what to look for in its log; None where the server sent none. details: list of
    violations, each a dict such as ``{"row", "column", "expected", "got"}`` (rows count from 0), total:
    how many there were. retry_after: seconds, or None. `str()` says it all in a few lines.
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
        lines = [told(violation) for violation in self.details if "expected" in violation]
        text = self.message
        if len(lines) > 1:  # one alone is in the message already
            more = [f"... and {self.total - SHOWN} more"] if self.total > SHOWN else []
            text = "\n  ".join([f"{self.total} values are not as expected", *lines[:SHOWN], *more])
        marks = [str(self.status or ""), self.code or "", f"request {self.request_id}" if self.request_id else ""]
        known = ", ".join(mark for mark in marks if mark)
        first, *rest = text.split("\n")
        return "\n".join([f"{first} ({known})" if known else first, *rest])


class TransportError(DaylightError):
    """No answer came back, or not all of one. Safe to send again."""


class ConnectError(TransportError):
    """There is no connection to the server; the request was never sent. Safe to send again."""


class ConnectionDropped(TransportError):
    """A connection that had answered before was closed without a byte of this answer. Safe to send again."""


class TimedOut(TransportError):
    """The server was silent for longer than the timeout. Safe to send again."""


class InvalidRequest(DaylightError):
    """The request cannot be answered as it stands; sending it again will not help."""


class ModelNotFound(InvalidRequest):
    """The server has no such model or version, or no default of the kind; the message names what it has."""


class Unavailable(DaylightError):
    """Not now: too much is waiting, or the models are not ready. Safe to send again after `retry_after` seconds."""


class ServerError(DaylightError):
    """The server failed, or what answered is not a Daylight server."""


def from_answer(status: int, headers: Mapping[str, str], content: bytes) -> DaylightError:
    """The error that an answer other than 2xx stands for, whatever its body is: JSON of either form, HTML, nothing.

    status: int; headers: a mapping of any case; content: bytes.
    """
    fault = fault_in(content)
    code = text_or_none(fault.get("code"))
    details = fault.get("details")
    return kind_of(status, code)(
        text_or_none(fault.get("message")) or f"the server answered {status} and did not say why{excerpt(content)}",
        status=status,
        code=code,
        details=[one for one in details if isinstance(one, dict)] if isinstance(details, list) else (),
        total=fault["total"] if isinstance(fault.get("total"), int) else None,
        request_id=text_or_none(fault.get("request_id")) or headers.get("X-Request-ID"),
        retry_after=seconds(headers.get("Retry-After")),
    )


def kind_of(status: int, code: str | None) -> type[DaylightError]:
    if status in (429, 503):
        return Unavailable
    if status == 404 and code == "model_not_found":
        return ModelNotFound
    return InvalidRequest if 400 <= status < 500 else ServerError


def fault_in(content: bytes) -> dict[str, Any]:
    """The error of a body as {"message", "code", ...}; {} where there is none to be read."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):  # on /v1 the error is a string, and the rest stands beside it
        return {**body, "message": error}
    return error if isinstance(error, dict) else {}


def text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def excerpt(content: bytes) -> str:
    """The beginning of an unexpected body, without its markup, to be put at the end of a message."""
    text = re.sub(r"<[^>]*>", " ", content[:2000].decode("utf-8", "replace"))
    words = " ".join(text.split())
    return f": {words[:100]!r}" if words else ""


def seconds(header: str | None) -> float | None:
    """Retry-After, which is a number of seconds or a date, as seconds (float); None if it is neither."""
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


def told(violation: dict[str, Any]) -> str:
    """A violation as one line."""
    places = [f"{what} {violation[what]!r}" for what in ("row", "column", "parameter") if what in violation]
    return f"{', '.join(places)}: expected {violation['expected']}, got {violation.get('got')}"
