"""What every error becomes in every dialect: its status, and the protocol's own word for it.

    outcome("openai", "invalid_parameters", 422)     # Outcome(status=400, code="invalid_value")
    outcome("v1", "invalid_parameters", 422)         # as the tree of errors has it

Programs that were written for a protocol decide by these what to do: send again, shorten, give up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..errors import InvalidParameters, ServiceError

__all__ = ["Outcome", "outcome", "renamed"]


class Outcome(NamedTuple):
    """status: of HTTP. code: the protocol's own, where it has one; else that of the tree of errors."""

    status: int
    code: str


# Code of the tree of errors -> (V2's status; MLflow's status and code; OpenAI's status and code). The article and V1
# have the tree's own. V2 has no codes, nor has Ollama, whose statuses are the same. What OpenAI's server never answers
# has the tree's code there, too.
TABLE: dict[str, tuple[int, tuple[int, str], tuple[int, str]]] = {
    "internal_error": (500, (500, "INTERNAL_ERROR"), (500, "internal_error")),
    "bad_request": (400, (400, "BAD_REQUEST"), (400, "bad_request")),
    "model_not_found": (404, (404, "RESOURCE_DOES_NOT_EXIST"), (404, "model_not_found")),
    "request_not_found": (404, (404, "RESOURCE_DOES_NOT_EXIST"), (404, "request_not_found")),
    "method_not_allowed": (405, (405, "BAD_REQUEST"), (405, "method_not_supported")),
    "not_acceptable": (406, (406, "BAD_REQUEST"), (406, "not_acceptable")),
    "payload_too_large": (413, (413, "BAD_REQUEST"), (413, "payload_too_large")),
    "unsupported_media_type": (415, (415, "BAD_REQUEST"), (415, "unsupported_content_type")),
    "invalid_instances": (400, (400, "INVALID_PARAMETER_VALUE"), (400, "invalid_value")),
    "invalid_parameters": (400, (400, "INVALID_PARAMETER_VALUE"), (400, "invalid_value")),
    "context_length_exceeded": (400, (400, "INVALID_PARAMETER_VALUE"), (400, "context_length_exceeded")),
    "unauthorized": (401, (401, "UNAUTHENTICATED"), (401, "invalid_api_key")),
    "forbidden": (403, (403, "PERMISSION_DENIED"), (403, "forbidden")),
    "unavailable": (503, (503, "TEMPORARILY_UNAVAILABLE"), (503, "unavailable")),
    "model_not_ready": (503, (503, "TEMPORARILY_UNAVAILABLE"), (503, "model_not_ready")),
    "draining": (503, (503, "TEMPORARILY_UNAVAILABLE"), (503, "draining")),
    "overloaded": (429, (429, "REQUEST_LIMIT_EXCEEDED"), (429, "rate_limit_exceeded")),
    "rate_limited": (429, (429, "REQUEST_LIMIT_EXCEEDED"), (429, "rate_limit_exceeded")),
    "deadline_exceeded": (504, (504, "DEADLINE_EXCEEDED"), (504, "deadline_exceeded")),
    "prediction_failed": (500, (500, "INTERNAL_ERROR"), (500, "prediction_failed")),
    # No error of the tree: a path without a route.
    "not_found": (404, (404, "ENDPOINT_NOT_FOUND"), (404, "not_found")),
}


# Of text-embeddings-inference: a text that is too long is an input too large.
TEI = {"context_length_exceeded": 413}


def outcome(dialect: str, code: str, status: int) -> Outcome:
    """dialect: its NAME. code, status: of the error, as the tree has them or as Flask refuses a request."""
    v2, mlflow, openai = TABLE.get(code) or of_status(code, status)
    if dialect in ("v2", "ollama"):
        return Outcome(v2, code)
    if dialect == "tei":
        return Outcome(TEI.get(code, status), code)
    known = {"mlflow": mlflow, "openai": openai}
    return Outcome(*known.get(dialect, (status, code)))


def of_status(code: str, status: int) -> tuple[int, tuple[int, str], tuple[int, str]]:
    """The row of an error that only Flask knows."""
    return status, (status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"), (status, code)


def renamed(error: ServiceError, names: Mapping[str, str]) -> ServiceError:
    """The same error about the parameters as the caller wrote them. names: {our name: the caller's}; a place behind a
    name, as in input[3], stays.
    """
    if not names or not isinstance(error, InvalidParameters):
        return error

    def told(parameter: str) -> str:
        name, bracket, place = parameter.partition("[")
        return f"{names.get(name, name)}{bracket}{place}"

    return error.naming([each | {"parameter": told(each["parameter"])} for each in error.details])
