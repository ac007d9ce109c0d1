"""text-embeddings-inference's /embed: texts in, a bare list of vectors out.

    {"inputs": ["a text", "another"], "truncate": true}  ->  [[0.01, ...], [...]]

Protocol: https://huggingface.github.io/text-embeddings-inference/ (Embed). A request names no model: that of
DAYLIGHT_DEFAULT_EMBEDDING answers, or the only one. Its vectors have the length 1 unless `normalize` is false.
"""

from __future__ import annotations

from typing import Any

from ..capabilities import EMBED_TEXT, EmbedCall
from ..errors import RequestError
from .adapter import Adapter, Decoded, Encoded, Request
from .embedding_options import inputs_of, options
from .envelope import fault, refuse
from .json_body import dump
from .json_limits import check_keys
from .outcomes import Outcome

__all__ = ["ADAPTERS", "DIRECTIONS", "NAME", "PREFIX", "error_body"]

NAME = "tei"
PREFIX = "/embed"
DIRECTIONS = ("Right", "right")  # from which a text is cut; another one is not served
# Statuses -> what its clients read of an error.
TYPES = {413: "Validation", 422: "Validation", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = request.json
    if not isinstance(value, dict):
        raise RequestError('expected an object: {"inputs": "a text"}')
    check_keys(value)
    faults: list[dict[str, Any]] = []
    texts = inputs_of(value.get("inputs"), "inputs", request.max_rows, faults)
    if value.get("truncation_direction") not in (*DIRECTIONS, None):
        faults.append(fault("truncation_direction", "is Right here; leave it out"))
    refuse(faults)
    chosen = options({name: each for name, each in value.items() if name not in ("inputs", "truncation_direction")})
    return Decoded(EmbedCall(texts, **{"normalize": True, **chosen}), names={"input": "inputs"})


def encode(_model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    return Encoded(dump(answer.vectors))


def error_body(body: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """TEI's `error` is a string, beside its type; code, details and request_id stand beside them."""
    error = dict(body["error"])
    kind = TYPES.get(outcome.status, "Validation" if outcome.status < 500 else "Backend")
    return {"error": error.pop("message"), "error_type": kind, **error}


ADAPTERS = {EMBED_TEXT: Adapter(decode, encode)}
