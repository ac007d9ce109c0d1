"""Anything raised becomes one answer: the right status, one body, and for our own faults one log entry."""

import logging

from flask import g, request
from werkzeug.exceptions import HTTPException

from service.blueprints.exchange import answer
from service.errors import MethodNotAllowed, PayloadTooLarge, RequestError, ServiceError, error_body
from service.wire import v1

__all__ = ["attach"]

log = logging.getLogger(__name__)

# Dialects whose published protocol fixes a body of its own, by the path they live under.
RESHAPE = {"/v1/": v1.error_body}


def attach(app):
    app.register_error_handler(ServiceError, failed)
    app.register_error_handler(HTTPException, refused_by_framework)
    app.register_error_handler(Exception, unforeseen)


def failed(error, headers=None):
    """A ServiceError as its answer, in the dialect of the path."""
    headers = dict(headers or {})
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    body = error_body(error, g.get("request_id"))
    for prefix, reshape in RESHAPE.items():
        if request.path.startswith(prefix):
            body = reshape(body)
    return answer(body, error.status, headers)


def refused_by_framework(error):
    """What Flask itself refuses (unknown paths, wrong methods, large bodies), in our own words."""
    if error.code == 405:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        told = MethodNotAllowed(f"{request.path} does not answer {request.method}; it answers {allowed}")
        return failed(told, {"Allow": allowed})
    if error.code == 413:
        return failed(PayloadTooLarge(f"the body is larger than {request.max_content_length} bytes, the most taken"))
    if error.code is None or error.code < 400:
        return error  # a redirect is no failure
    told = RequestError(f"there is nothing at {request.path}" if error.code == 404 else error.description)
    told.status = error.code
    told.code = error.name.lower().replace(" ", "_")
    return failed(told)


def unforeseen(error):
    """Our own fault: the caller gets an id to ask with, the log gets everything."""
    log.exception("%s %s failed, request %s", request.method, ascii(request.path), g.get("request_id"))
    return failed(ServiceError("something went wrong here; the log has it under the request id"))
