"""Every error Daylight raises on purpose, drawn as a tree.

    ServiceError               500 internal_error
    |- RequestError            400 bad_request             the caller must change the request
    |   |- ModelNotFound       404 model_not_found
    |   |- RequestNotFound     404 request_not_found       no text is being written under this id
    |   |- MethodNotAllowed    405 method_not_allowed
    |   |- NotAcceptable       406 not_acceptable
    |   |- PayloadTooLarge     413 payload_too_large
    |   |- UnsupportedMediaType 415 unsupported_media_type
    |   |- InvalidInstances    422 invalid_instances       details: every violation
    |   `- InvalidParameters   422 invalid_parameters      details: every violation
    |- Unauthorized            401 unauthorized            no key, or none that is known here
    |- Forbidden               403 forbidden               a known key, and not for this
    |- Unavailable             503 unavailable             safe to send again, after Retry-After seconds
    |   |- ModelNotReady       503 model_not_ready
    |   `- Draining            503 draining
    |- Overloaded              429 overloaded              safe to send again, after Retry-After seconds
    |   `- RateLimited          429 rate_limited            more requests a second than the key is for
    |- DeadlineExceeded        504 deadline_exceeded
    `- PredictionFailed        500 prediction_failed       the model raised; the log has the detail

    StartupError               never an HTTP answer: the server, or one version, refuses to start
    |- ArtifactMissing
    |- DigestMismatch
    |- VersionMismatch
    |- UnknownKind
    `- BadSetting

This module knows no web framework. An error carries its own outcome (status,
code, retry_after), so nothing downstream has to decide it again.
"""

__all__ = [
    "MAX_VIOLATIONS",
    "ArtifactMissing",
    "BadSetting",
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
    "Unauthorized",
    "Unavailable",
    "UnknownKind",
    "UnsupportedMediaType",
    "VersionMismatch",
    "error_body",
]

MAX_VIOLATIONS = 100  # one answer names this many; `total` says how many there were


class ServiceError(Exception):
    """Something went wrong on the server's side. `message` is for the caller."""

    status = 500
    code = "internal_error"
    challenge = None  # what WWW-Authenticate says, where a key would help

    def __init__(self, message, *, details=(), total=None, retry_after=None):
        super().__init__(message)
        self.message = message
        self.details = list(details)[:MAX_VIOLATIONS]
        self.total = len(self.details) if total is None else total
        self.retry_after = retry_after  # seconds


class RequestError(ServiceError):
    """The request cannot be answered as it stands; sending it again will not help."""

    status = 400
    code = "bad_request"


class ModelNotFound(RequestError):
    status = 404
    code = "model_not_found"


class RequestNotFound(RequestError):
    status = 404
    code = "request_not_found"


class MethodNotAllowed(RequestError):
    status = 405
    code = "method_not_allowed"


class NotAcceptable(RequestError):
    """The answer has no form that the caller's Accept takes."""

    status = 406
    code = "not_acceptable"


class PayloadTooLarge(RequestError):
    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(RequestError):
    status = 415
    code = "unsupported_media_type"


class InvalidInstances(RequestError):
    """Rows that the model cannot take.

    `details` holds violations ``{"row", "column", "expected", "got"}``; `row`
    counts from 0, and `row` or `column` is absent where there is none.
    """

    status = 422
    code = "invalid_instances"


class InvalidParameters(RequestError):
    """Parameters of a request out of range; `details` holds ``{"parameter", "expected", "got"}``."""

    status = 422
    code = "invalid_parameters"


class Unauthorized(ServiceError):
    status = 401
    code = "unauthorized"
    challenge = 'Bearer realm="daylight"'


class Forbidden(ServiceError):
    status = 403
    code = "forbidden"


class Unavailable(ServiceError):
    """Not now; the same request may be sent again after `retry_after` seconds."""

    status = 503
    code = "unavailable"

    def __init__(self, message, *, retry_after=1, **carried):
        super().__init__(message, retry_after=retry_after, **carried)


class ModelNotReady(Unavailable):
    code = "model_not_ready"


class Draining(Unavailable):
    code = "draining"


class Overloaded(ServiceError):
    """Too much is waiting already; safe to send again after `retry_after` seconds."""

    status = 429
    code = "overloaded"

    def __init__(self, message, *, retry_after=1, **carried):
        super().__init__(message, retry_after=retry_after, **carried)


class RateLimited(Overloaded):
    code = "rate_limited"


class DeadlineExceeded(ServiceError):
    """The caller has stopped waiting by its own account; nothing was predicted."""

    status = 504
    code = "deadline_exceeded"


class PredictionFailed(ServiceError):
    """The model raised on rows that satisfy its schema. The cause goes to the log only."""

    code = "prediction_failed"


class StartupError(Exception):
    """The server, or one version of a model, cannot be started; says exactly why."""


class ArtifactMissing(StartupError):
    """A file or a version that should be in the store is not."""


class DigestMismatch(StartupError):
    """A file of the store is not the one its manifest was written for."""


class VersionMismatch(StartupError):
    """The model was packed with an incompatible version of the library that runs it."""


class UnknownKind(StartupError):
    """The manifest names a model kind this service does not have."""


class BadSetting(StartupError):
    """An environment variable with the prefix DAYLIGHT_ is unknown or has an impossible value."""


def error_body(error, request_id):
    """The one error body, as a dict; dialects with a published form of their own reshape it."""
    body = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "request_id": request_id,
    }
    if error.total > len(error.details):
        body["total"] = error.total
    return {"error": body}
