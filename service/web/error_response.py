"""An error as an answer: one body for each dialect, and nothing of the server's inside."""

from __future__ import annotations

import logging
from typing import Any

from ..errors import ServiceError, error_body
from ..wire.json_body import JSON, dump
from ..wire.outcomes import outcome, renamed
from .context import RequestContext

__all__ = ["error_response", "internal_error"]

log = logging.getLogger(__name__)


def error_response(error: ServiceError, context: RequestContext, dialect: Any) -> tuple[int, dict[str, str], bytes]:
    """A ServiceError as (status, {header: value}, bytes of JSON).

    dialect: whose status, words and form it has, unless the context names another.
    """
    dialect = context.dialect or dialect
    context.seconds.clear()  # nothing was predicted
    context.refused = error.code
    context.media_type = JSON
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.challenge is not None:
        headers["WWW-Authenticate"] = error.challenge
    becomes = outcome(dialect.NAME, error.code, error.status)
    body = error_body(renamed(error, context.names), context.id)
    return becomes.status, headers, dump(dialect.error_body(body, becomes))


def internal_error(context: RequestContext, method: str, path: str) -> ServiceError:
    """The answer to the exception that is being handled: the log gets everything, the caller the id to ask with."""
    log.exception("%s %s failed, request %s", method, ascii(path), context.id)
    return ServiceError("something went wrong here; the log has it under the request id")
