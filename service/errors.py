"""Every error that Daylight raises on purpose, drawn as a tree.

    ServiceError               500 internal_error
    |- RequestError            400 bad_request             the caller must change the request
    |   |- ModelNotFound       404 model_not_found
    |   |- RequestNotFound     404 request_not_found       nothing runs under this id
    |   |- MethodNotAllowed    405 method_not_allowed
    |   |- NotAcceptable       406 not_acceptable
    |   |- PayloadTooLarge     413 payload_too_large
    |   |- UnsupportedMediaType 415 unsupported_media_type
    |   |- InvalidInstances    422 invalid_instances       details: every violation
    |   `- InvalidParameters   422 invalid_parameters      details: every violation
    |       `- ContextLengthExceeded 422 context_length_exceeded
    |- Unauthorized            401 unauthorized            no API key, or an unknown one
    |- Forbidden               403 forbidden               a known key without the scope
    |- Unavailable             503 unavailable             safe to send again, after Retry-After seconds
    |   |- ModelNotReady       503 model_not_ready
    |   `- Draining            503 draining
    |- Overloaded              429 overloaded              safe to send again, after Retry-After seconds
    |   `- RateLimited         429 rate_limited            more requests a second than the key is for
    |- DeadlineExceeded        504 deadline_exceeded
    `- PredictionFailed        500 prediction_failed       the model raised; the log has the detail

    StartupError               never an HTTP answer: the server, or one version, refuses to start
    |- ArtifactMissing
    |- DigestMismatch
    |- VersionMismatch
    |- UnknownKind
    |- BadSetting
    |- StoreUnreachable    a store elsewhere: later, or with other credentials
    `- StoreChanged        somebody else was quicker: look, and ask again

Where each can be raised on the way of a request:

    bytes -> access -> find -> body -> decode -> admit -> run -> encode
             |         |       |       |         |        |      `- NotAcceptable
             |         |       |       |         |        `- InvalidInstances, InvalidParameters, PredictionFailed
             |         |       |       |         `- Overloaded, DeadlineExceeded
             |         |       |       `- RequestError, InvalidParameters
             |         |       `- NotAcceptable, UnsupportedMediaType, PayloadTooLarge
             |         `- ModelNotFound, ModelNotReady
             `- Unauthorized, Forbidden, RateLimited

A body that names its model is decoded before the model is found. An error carries its own outcome (status, code,
retry_after), so no other module decides it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

__all__ = [
    "MAX_VIOLATIONS",
    "ArtifactMissing",
    "BadSetting",
    "ContextLengthExceeded",
    "DeadlineExceeded",
    "DigestMismatch",
    "Draining",
    "Forbidden",
    "InvalidInstances",
    "InvalidParameters",
    "MethodNotAllowed",
    "ModelNotFound",
    "ModelNotReady",
    "NotAcceptable",
    "Overloaded",
    "PayloadTooLarge",
    "PredictionFailed",
    "RateLimited",
    "RequestError",
    "RequestNotFound",
    "ServiceError",
    "StartupError",
    "StoreChanged",
    "StoreUnreachable",
    "Unauthorized",
    "Unavailable",
    "UnknownKind",
    "UnsupportedMediaType",
    "VersionMismatch",
    "error_body",
    "in_a_line",
]

MAX_VIOLATIONS = 100  # one answer names this many; `total` says how many there were


class ServiceError(Exception):
    """Something went wrong on the server's side.

    message: for the caller. details: one dict for each fault, at most MAX_VIOLATIONS. total: how many faults there
    were. retry_after: seconds after which the same request may be sent again, or None.
    """

    status: int = 500
    code: str = "internal_error"
    challenge: str | None = None  # what WWW-Authenticate says, where a key would help
    retry_after: int | None = None  # seconds

    def __init__(
        self,
        message: str,
        *,
        details: Iterable[dict[str, Any]] = (),
        total: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)[:MAX_VIOLATIONS]
        self.total = len(self.details) if total is None else total
        self.retry_after = self.retry_after if retry_after is None else retry_after


class RequestError(ServiceError):
    """The request cannot be answered as it stands; sending it again will not help."""

    status = 400
    code = "bad_request"


class ModelNotFound(RequestError):
    """The store serves no model of this name, or has no such version."""

    status = 404
    code = "model_not_found"


class RequestNotFound(RequestError):
    """Nothing runs under this request id; it may have ended."""

    status = 404
    code = "request_not_found"


class MethodNotAllowed(RequestError):
    """The path does not answer this method; Allow names those it does."""

    status = 405
    code = "method_not_allowed"


class NotAcceptable(RequestError):
    """The answer has no form that Accept takes."""

    status = 406
    code = "not_acceptable"


class PayloadTooLarge(RequestError):
    """The body, the table in it, or its decompressed form is larger than the server takes."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(RequestError):
    """The body's Content-Type or Content-Encoding is not one that the route takes."""

    status = 415
    code = "unsupported_media_type"


class InvalidInstances(RequestError):
    """Rows that the model cannot take. `details`: ``{"row", "column", "expected", "got"}``, the first two if known."""

    status = 422
    code = "invalid_instances"


class InvalidParameters(RequestError):
    """Parameters out of range. `details` holds ``{"parameter", "expected", "got"}``, or a sentence as "message"."""

    status = 422
    code = "invalid_parameters"

    @classmethod
    def naming(cls, violations: list[dict[str, str]]) -> Self:
        """The error whose message is a sentence for each of the first three violations, and whose details are all."""
        ours = "{parameter}: expected {expected}, got {got}"
        sentences = [each["message"] if "message" in each else ours.format(**each) for each in violations[:3]]
        return cls("; ".join(sentences), details=violations, total=len(violations))


class ContextLengthExceeded(InvalidParameters):
    """The prompt, or what is asked for beyond it, is longer than the model's context."""

    code = "context_length_exceeded"


class Unauthorized(ServiceError):
    """No API key, or one that is not known here."""

    status = 401
    code = "unauthorized"
    challenge = 'Bearer realm="daylight"'


class Forbidden(ServiceError):
    """The API key is known, and has not the scope that the route needs."""

    status = 403
    code = "forbidden"


class Unavailable(ServiceError):
    """Not at this moment; the same request may be sent again after Retry-After seconds."""

    status = 503
    code = "unavailable"
    retry_after = 1


class ModelNotReady(Unavailable):
    """The models, or this one, are not loaded; the server's log says why."""

    code = "model_not_ready"


class Draining(Unavailable):
    """The server is about to stop."""

    code = "draining"


class Overloaded(ServiceError):
    """Too many requests wait already; the same request may be sent again after Retry-After seconds."""

    status = 429
    code = "overloaded"
    retry_after = 1


class RateLimited(Overloaded):
    """More requests a second than the API key is for."""

    code = "rate_limited"


class DeadlineExceeded(ServiceError):
    """The request's deadline (X-Request-Timeout) passed before the answer."""

    status = 504
    code = "deadline_exceeded"


class PredictionFailed(ServiceError):
    """The model raised on rows that satisfy its schema; the cause is in the server's log alone."""

    code = "prediction_failed"


class StartupError(Exception):
    """The server, or one version of a model, cannot be started; the message says why."""


class ArtifactMissing(StartupError):
    """A file or a version that should be in the store is not."""


class DigestMismatch(StartupError):
    """A file of the store is not the one its manifest was written for."""


class VersionMismatch(StartupError):
    """The model was packed with an incompatible version of the library that runs it."""


class UnknownKind(StartupError):
    """The manifest names a kind of model that this service does not have."""


class BadSetting(StartupError):
    """An environment variable with the prefix DAYLIGHT_ is unknown or has an impossible value."""


class StoreUnreachable(StartupError):
    """A store elsewhere does not answer, or refuses what it is asked."""


class StoreChanged(StartupError):
    """A change of a store elsewhere was not made: another one was made first."""


def error_body(error: ServiceError, request_id: str) -> dict[str, Any]:
    """The body of an error; dialects with a published form of their own reshape it."""
    body: dict[str, Any] = {"code": error.code, "message": error.message, "details": error.details}
    body["request_id"] = request_id
    more = {"total": error.total} if error.total > len(error.details) else {}
    return {"error": body | more}


def in_a_line(said: object, most: int = 1000) -> str:
    """What an exception of another library says, or a name in a file: one line that every terminal and log can show."""
    text = "".join(each if each.isprintable() else "\ufffd" for each in " ".join(str(said).split()))
    return text if len(text) <= most else f"{text[:most]}..."
