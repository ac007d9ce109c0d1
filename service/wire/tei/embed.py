"""text-embeddings-inference's /embed: texts in, a bare list of vectors out.

    {"inputs": ["a text", "another"], "truncate": true}  ->  [[0.01, ...], [...]]

A request names no model: that of DAYLIGHT_DEFAULT_EMBEDDING answers, or the only one. Its vectors have the length 1
unless `normalize` is false.
"""

from __future__ import annotations

from typing import Any

from ...capabilities import EMBED_TEXT, EmbedCall
from ...errors import RequestError
from ..adapter import Adapter, Decoded, Encoded, Request
from ..embedding_options import inputs_of, options
from ..envelope import refuse
from ..json_body import dump
from ..json_limits import check_keys
from .errors import NAME, direction_faults, error_body

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

PREFIX = "/embed"


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = request.json
    if not isinstance(value, dict):
        raise RequestError('expected an object: {"inputs": "a text"}')
    check_keys(value)
    faults: list[dict[str, Any]] = []
    texts = inputs_of(value.get("inputs"), "inputs", request.max_rows, faults)
    refuse([*faults, *direction_faults(value)])
    chosen = options({name: each for name, each in value.items() if name not in ("inputs", "truncation_direction")})
    return Decoded(EmbedCall(texts, **{"normalize": True, **chosen}), names={"input": "inputs"})


def encode(_model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    return Encoded(dump(answer.vectors))


ADAPTERS = {EMBED_TEXT: Adapter(decode, encode)}
