"""Answers to bytes that are not HTTP, in JSON with an id like every other error.

    answer_in_json()        # in a worker, before it accepts

gunicorn answers them itself, for all its worker classes by one function, as an HTML page without an id.
"""

from __future__ import annotations

import logging
import socket
from http import HTTPStatus
from uuid import uuid4

from gunicorn import util

from ..errors import RequestError, ServiceError, error_body
from ..web.context import SECURITY_HEADERS
from ..wire.json_body import JSON, dump

__all__ = ["answer_in_json", "send_error"]

log = logging.getLogger(__name__)

# What the sentence says beyond gunicorn's own, by status.
ADVICE = {
    413: "the body is larger than the server takes",
    414: "the first line of a request is too long; send a POST with the text in its body",
    417: "only `Expect: 100-continue` is known here",
    431: "the headers are too many or too large",
    501: "only `Transfer-Encoding: chunked` is known here",
}


def answer_in_json() -> None:
    """Replace gunicorn's page for protocol errors in this process."""
    util.write_error = write_error


def write_error(sock: socket.socket, status: int, reason: str, message: str) -> None:
    """The answer to a request that could not be read; the connection is closed."""
    text = "; ".join(part for part in (message, ADVICE.get(status, "")) if part) or reason
    callers = status < 500 or status == HTTPStatus.NOT_IMPLEMENTED
    send_error(sock, status, RequestError(text) if callers else ServiceError(reason))


def send_error(sock: socket.socket, status: int, error: ServiceError) -> None:
    """An answer of this status before there is a request, and a line in the log with its id."""
    request_id = uuid4().hex
    log.warning("%d %s id=%s", status, error.message, request_id)
    body = dump(error_body(error, request_id))
    headers = [
        ("Connection", "close"),
        ("Content-Type", JSON),
        ("Content-Length", len(body)),
        ("X-Request-ID", request_id),
        *SECURITY_HEADERS,
        *([("Retry-After", error.retry_after)] if error.retry_after is not None else []),
    ]
    phrase = HTTPStatus(status).phrase
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in headers), "", ""]
    util.write_nonblock(sock, "\r\n".join(lines).encode() + body)
