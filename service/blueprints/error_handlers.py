"""Anything raised in Flask becomes one answer: the right status and one body, made where the fast path makes them."""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from ..errors import MethodNotAllowed, PayloadTooLarge, RequestError, ServiceError
from ..web.error_response import error_response, internal_error
from ..web.routes import dialect_of
from ..wire.json_body import JSON
from .context import context

__all__ = ["attach"]


def attach(app: Flask) -> None:
    app.register_error_handler(ServiceError, service_error)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected_error)


def service_error(error: ServiceError, headers: dict[str, str] | None = None) -> Response:
    """A ServiceError as its answer, in the dialect of its path."""
    status, more, body = error_response(error, context(), dialect_of(request.method, request.path))
    return Response(body, status, {**(headers or {}), **more}, mimetype=JSON)


def http_error(error: HTTPException) -> Response | HTTPException:
    """What Flask itself refuses (unknown paths, wrong methods, large bodies), in our own form."""
    if error.code == 405:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        sentence = f"{request.path} does not answer {request.method}; it answers {allowed}"
        return service_error(MethodNotAllowed(sentence), {"Allow": allowed})
    if error.code == 413:
        sentence = f"the body is larger than {request.max_content_length} bytes, the most taken"
        return service_error(PayloadTooLarge(sentence))
    if error.code is None or error.code < 400:
        return error  # a redirect
    refusal = RequestError(f"there is nothing at {request.path}" if error.code == 404 else error.description or "")
    refusal.status = error.code
    refusal.code = error.name.lower().replace(" ", "_")
    return service_error(refusal)


def unexpected_error(_: Exception) -> Response:
    return service_error(internal_error(context(), request.method, request.path))
