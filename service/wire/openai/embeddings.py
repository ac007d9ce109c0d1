"""POST /v1/embeddings: OpenAI's embeddings, of texts or token ids, as numbers or as base64 of their bytes.

    {"model": "minilm", "input": ["a text"], "encoding_format": "base64"}
    -> {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": "..."}], "model", "usage"}

Reference: https://platform.openai.com/docs/api-reference/embeddings/create. Beside its own fields there are those of
text-embeddings-inference: truncate, normalize, prompt_name.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from ...capabilities import EMBED_TEXT, EmbedCall
from ..adapter import Adapter, Decoded, Encoded, Request
from ..embedding_options import inputs_of, options
from ..envelope import fault, object_of, refuse
from ..json_body import dump
from .errors import error_body

__all__ = ["ADAPTERS", "FORMATS", "IDLE", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = ""
FORMATS = ("float", "base64")
IDLE = ("user", "input_type")  # they say nothing about the vectors
OWN = ("model", "input", "encoding_format", *IDLE)


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = object_of(request.json)
    faults: list[dict[str, Any]] = []
    texts = inputs_of(value.get("input"), "input", request.max_rows, faults)
    if not isinstance(value.get("model"), str):
        faults.append(fault("model", "expected the name of a model"))
    form = value.get("encoding_format")
    form = FORMATS[0] if form is None else form
    if form not in FORMATS:
        faults.append(fault("encoding_format", f"expected {' or '.join(FORMATS)}"))
    refuse(faults)
    chosen = options(value, OWN)
    return Decoded(EmbedCall(texts, **chosen), note=form, model=value["model"])


def encode(model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """An EmbedAnswer; the bytes of base64 are float32, little-endian."""
    vectors = answer.vectors
    if decoded.note == "base64":
        vectors = [b64encode(vector.astype("<f4").tobytes()).decode() for vector in vectors]
    tokens, _ = answer.tokens
    data = [{"object": "embedding", "index": place, "embedding": each} for place, each in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Encoded(dump({"object": "list", "data": data, "model": model.name, "usage": usage}))


ADAPTERS = {EMBED_TEXT: Adapter(decode, encode)}
