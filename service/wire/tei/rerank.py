"""/rerank: text-embeddings-inference's where the body has `texts`, that of rerank.py where it has `documents`.

    {"query": "why?", "texts": ["because", "Rome"], "return_text": true}
    -> [{"index": 0, "score": 0.98, "text": "because"}, {"index": 1, "score": 0.003, "text": "Rome"}]

TEI's request names no model: that of DAYLIGHT_DEFAULT_RERANKER answers, or the only one. Scores are from 0 to 1 unless
`raw_scores` is true: then they are the network's own numbers. The best text stands first.
"""

from __future__ import annotations

from typing import Any

from ...capabilities import RERANK_TEXT, RerankCall
from ...generation.limits import BOOLEAN
from .. import rerank
from ..adapter import Adapter, Decoded, Encoded, Request
from ..envelope import fault, object_of, options_of, refuse
from ..json_body import dump
from ..table_formats.parts import check_rows
from .errors import NAME, direction_faults, error_body

__all__ = ["ADAPTERS", "NAME", "OPTIONS", "PREFIX", "error_body"]

PREFIX = "/rerank"
OPTIONS = {"raw_scores": BOOLEAN, "return_text": BOOLEAN, "truncate": BOOLEAN}
OWN = ("query", "texts", "truncation_direction")


def decode(request: Request, model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = object_of(request.json, '{"query": "a text", "texts": ["a text", "another"]}')
    if "texts" not in value:
        return rerank.decode(request, model)
    texts = value["texts"]
    check_rows(len(texts) if isinstance(texts, list) else 0, request.max_rows)
    faults = rerank.query_faults(value)
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        faults.append(fault("texts", "expected a list of texts, at least one"))
    refuse([*faults, *direction_faults(value)])
    chosen = options_of(value, OWN, OPTIONS)
    return Decoded(RerankCall(value["query"], texts, chosen.get("truncate", False)), note=chosen)


def encode(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    chosen = decoded.note
    if isinstance(chosen, rerank.Wanted):
        return rerank.encode(model, request, decoded, answer)
    scores = answer.logits if chosen.get("raw_scores") else answer.scores
    ranks = [{"index": place, "score": scores[place]} for place in answer.order]
    if chosen.get("return_text"):
        ranks = [rank | {"text": decoded.call.texts[rank["index"]]} for rank in ranks]
    return Encoded(dump(ranks))


ADAPTERS = {RERANK_TEXT: Adapter(decode, encode)}
