"""Anything raised becomes one answer: the right status and one body, made by service.web.handlers for both ways in."""

from flask import Response, request
from werkzeug.exceptions import HTTPException

from ..errors import MethodNotAllowed, PayloadTooLarge, RequestError, ServiceError
from ..web import handlers
from ..wire.json_body import JSON
from .context import exchange

__all__ = ["attach"]


def attach(app):
    app.register_error_handler(ServiceError, failed)
    app.register_error_handler(HTTPException, refused_by_framework)
    app.register_error_handler(Exception, unforeseen)


def failed(error, headers=None):
    """A ServiceError as its answer, in the dialect of the path."""
    status, more, body = handlers.refusal(error, exchange(), request.path)
    return Response(body, status, {**(headers or {}), **more}, mimetype=JSON)


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


def unforeseen(_):
    return failed(handlers.unforeseen(exchange(), request.method, request.path))
