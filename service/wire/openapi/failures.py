"""Refusals in the document: every status of the tree of errors, in the form of the path's own dialect.

Examples and schemas come from the dialects' `error_body`, which shapes the real answers: a new dialect's errors are
described without a line here.
"""

from typing import Any

from ... import errors
from ...errors import RequestError, ServiceError, error_body
from ..dialects import error_dialect
from ..outcomes import outcome
from .parts import ALWAYS, json, ref

__all__ = ["Refusals"]

ID = "6f1d2c3b4a5968778695a4b3c2d1e0f0"
RETRIED = (429, 503)
EVERYWHERE = {400, 500}  # a malformed X-Request-Timeout, and faults of the server
KEYS = {401, 403, 429}  # no key, a key without the scope, more requests than its rate

# An example's message, where the code of the error alone says too little.
SENTENCES = {
    "bad_request": "the body is empty; send JSON",
    "model_not_found": "there is no model 'titanic'; there are tumour, smollm2",
    "payload_too_large": "the body is larger than 16777216 bytes, the most taken",
    "unsupported_media_type": "the body is announced as text/xml; send application/json",
    "invalid_instances": 'row 3, column "age": expected number or null, got "abc"',
    "invalid_parameters": "top_p: expected a number from 0 to 1, got 2",
    "model_not_ready": "not ready: the models are not loaded; the server's log says why",
    "context_length_exceeded": "This model's maximum context length is 8192 tokens. However, your text has 9031.",
    "overloaded": "6 generations are running or waiting, which is all this worker takes",
    "internal_error": "something went wrong here; the log has it under the request id",
    "prediction_failed": "the model failed on these rows; they satisfy its schema",
}
DETAILS: dict[str, list[dict[str, Any]]] = {
    "invalid_instances": [{"row": 3, "column": "age", "expected": "number or null", "got": '"abc"'}],
    "invalid_parameters": [{"parameter": "top_p", "expected": "a number from 0 to 1", "got": "2"}],
}


class Refusals:
    """The responses of refusals: made once a dialect and status, then referred to."""

    def __init__(self, spec, secured):
        self.spec = spec
        self.secured = secured
        self.errors = errors_of_the_tree()
        self.defined: set[str] = set()

    def of(self, dialect, path, operation):
        """{status: reference} for the operation at this path. dialect: the route's own, or None."""
        dialect = error_dialect(dialect, path)
        ours = EVERYWHERE.union(operation.errors, KEYS if self.secured and not operation.open else ())
        statuses = {becomes(dialect, error).status for error in self.errors if error.status in ours}
        return {str(status): self.response(dialect, status) for status in sorted(statuses)}

    def response(self, dialect, status):
        name = f"{dialect.NAME}.{status}"
        if name not in self.defined:
            self.defined.add(name)
            possible = [error for error in self.errors if becomes(dialect, error).status == status]
            examples = {error.code: dialect.error_body(sample(error), becomes(dialect, error)) for error in possible}
            headers = dict(ALWAYS)
            if status in RETRIED:
                headers["Retry-After"] = ref("Retry-After", "headers")
            if any(error.challenge for error in possible):
                headers["WWW-Authenticate"] = ref("WWW-Authenticate", "headers")
            described = "; ".join(sorted(examples)).replace("_", " ")
            content = json(shape(next(iter(examples.values()))), **examples)
            self.spec.components.response(name, {"description": described, "headers": headers, "content": content})
        return ref(name, "responses")


def becomes(dialect, error):
    """What an error of this class becomes in the dialect."""
    return outcome(dialect.NAME, error.code, error.status)


def errors_of_the_tree():
    """The classes of error, from the root down."""
    found: list[type[ServiceError]] = []
    unseen = [ServiceError]
    while unseen:
        error = unseen.pop(0)
        unseen += error.__subclasses__()
        if error.__module__ == errors.__name__:
            found.append(error)
    return found


def sample(error):
    """The body of an error of this class, as an example."""
    message = SENTENCES.get(error.code, error.code.replace("_", " "))
    raised = (error if issubclass(error, RequestError) else ServiceError)(message, details=DETAILS.get(error.code, ()))
    raised.code = error.code
    return error_body(raised, ID)


def shape(value):
    """The schema of a value and of all that are built alike: its keys are required, others may be there."""
    if isinstance(value, dict):
        properties = {key: shape(one) for key, one in value.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(value, list):
        return {"type": "array"}
    for kind, name in ((str, "string"), (bool, "boolean"), (int, "integer")):
        if isinstance(value, kind):
            return {"type": name}
    return {}
