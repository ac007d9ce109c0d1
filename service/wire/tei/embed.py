"""text-embeddings-inference's /embed: texts in, a bare list of vectors out.

    {"inputs": ["a text", "another"], "truncate": true}  ->  [[0.01, ...], [...]]

A request names no model: that of DAYLIGHT_DEFAULT_EMBEDDING answers, or the only one. Its vectors have the length 1
unless `normalize` is false.
"""

from __future__ import annotations

from typing import Any

from ...capabilities import EMBED_TEXT, EmbedCall
from ..adapter import Adapter, Decoded, Encoded, Request
from ..embedding_options import inputs_of, options
from ..envelope import object_of, refuse
from ..json_body import dump
from .errors import NAME, direction_faults, error_body

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

PREFIX = "/embed"
OWN = ("inputs", "truncation_direction")


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = object_of(request.json, '{"inputs": "a text"}')
    faults: list[dict[str, Any]] = []
    texts = inputs_of(value.get("inputs"), "inputs", request.max_rows, faults)
    refuse([*faults, *direction_faults(value)])
    chosen = options(value, OWN)
    return Decoded(EmbedCall(texts, **{"normalize": True, **chosen}), names={"input": "inputs"})


def encode(_model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    return Encoded(dump(answer.vectors))


ADAPTERS = {EMBED_TEXT: Adapter(decode, encode)}
