"""What descriptions of routes are made of: an operation, its media, and the headers every answer has."""

from dataclasses import dataclass, field
from typing import Any

from ..json_body import JSON

__all__ = [
    "ALWAYS",
    "HEADERS",
    "IN_ONE_FORM",
    "PARAMETERS",
    "PREDICTS",
    "REFUSED",
    "SECURITY",
    "TIMED",
    "Operation",
    "json",
    "nullable",
    "query",
    "ref",
]

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's id, which the log knows: the caller's own, or a new one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "traceparent": {
        "description": "The trace that the request belongs to, with the server's own span: W3C's Trace Context.",
        "schema": {"type": "string"},
    },
    "Server-Timing": {
        "description": "Where the time of a prediction went, in milliseconds.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "The same request may be sent again after this many seconds.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "Which kind of key is asked for.",
        "required": True,
        "schema": {"type": "string"},
    },
}
PARAMETERS = {
    "X-Request-ID": {
        "name": "X-Request-ID",
        "required": False,
        "description": "An id of your own, of at most 128 letters, digits, `.`, `_`, `:` and `-`; others are replaced.",
        "schema": {"type": "string"},
    },
    "traceparent": {
        "name": "traceparent",
        "required": False,
        "description": "Your trace and span, as W3C's Trace Context has them; one that is not sound is as none.",
        "schema": {"type": "string"},
    },
    "X-Request-Timeout": {
        "name": "X-Request-Timeout",
        "required": False,
        "description": "Seconds that you wait: what has not begun by then is answered with 504.",
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
    },
}
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, as `Authorization: Bearer <key>`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header."},
}

# The headers of every answer.
ALWAYS = {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", "traceparent")}
# The header of answers that predict.
TIMED = {"Server-Timing": {"$ref": "#/components/headers/Server-Timing"}}

# Versions that are not served though they are current; the models of the store without any served version are here too.
REFUSED = {
    "type": "object",
    "description": "versions that cannot be served, and why, by the model's name",
    "additionalProperties": {
        "type": "object",
        "properties": {"version": {"type": ["string", "null"]}, "reason": {"type": "string"}},
        "required": ["version", "reason"],
    },
}
# What a prediction may be refused with; failures.py says what each means.
PREDICTS = (404, 406, 413, 415, 422, 429, 503, 504)
IN_ONE_FORM = tuple(status for status in PREDICTS if status != 406)  # where the answer is JSON, whatever Accept says


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    answer: {media type: media object} of 200. body: the same of the request. parameters: query parameters.
    errors: the statuses it may refuse with, besides those every route may. path: {path parameter: schema}, where it
    is not any string. open: whether no key is asked for. others: {status: response object} of answers that are neither.
    headers: {name: header object} of the answer, besides those every answer has.
    """

    summary: str
    answer: dict
    description: str = ""
    body: dict | None = None
    body_required: bool = True
    parameters: tuple = ()
    errors: tuple = ()
    path: dict = field(default_factory=dict)
    open: bool = False
    others: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)
    says: str = "The answer."


def ref(name, kind="schemas"):
    return {"$ref": f"#/components/{kind}/{name}"}


def nullable(schema):
    """The schema, or null, which stands for a member that is not given."""
    return {"anyOf": [schema, {"type": "null"}]}


def json(schema, *examples, **named):
    """{application/json: media object}; examples are named by number unless they come with names."""
    named = {f"example {place}": one for place, one in enumerate(examples, 1)} | named
    options = {"examples": {name: {"value": value} for name, value in named.items()}} if named else {}
    return {JSON: {"schema": schema, **options}}


def query(name, schema, description, *, required=False):
    return {"in": "query", "name": name, "required": required, "description": description, "schema": schema}
