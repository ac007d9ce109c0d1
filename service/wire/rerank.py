"""POST /v1/rerank: texts by how well they answer a query, in the shape that Cohere, Jina and vLLM share.

    {"query": "why?", "documents": ["because", {"text": "Rome"}], "top_n": 1, "return_documents": true}
    -> {"id", "model", "results": [{"index": 0, "relevance_score": 0.98, "document": {"text": "because"}}], "usage"}

References: https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc (rerank), and vLLM's server. The best
document stands first. A score is from 0 to 1; with `raw_scores` it is the network's own number. Beside the shared
fields there is text-embeddings-inference's `truncate`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..capabilities import RERANK_TEXT, RerankCall
from ..generation.limits import BOOLEAN, number
from .adapter import Adapter, Decoded, Encoded, Request
from .envelope import fault, object_of, options_of, refuse
from .json_body import dump
from .openai.errors import error_body
from .table_formats.parts import check_rows

__all__ = [
    "ADAPTERS",
    "IDLE",
    "NAME",
    "OPTIONS",
    "PREFIX",
    "Wanted",
    "decode",
    "encode",
    "error_body",
    "query_faults",
]

NAME = "openai"  # whose errors vLLM's server has on this route
PREFIX = ""
OPTIONS = {"top_n": number(1, whole=True), "return_documents": BOOLEAN, "truncate": BOOLEAN, "raw_scores": BOOLEAN}
IDLE = ("user",)  # says nothing about the scores
OWN = ("model", "query", "documents", *IDLE)


class Wanted(NamedTuple):
    """What of the answer was asked for. documents: as they came. top_n: None: all."""

    documents: Any
    top_n: int | None
    shown: bool
    raw: bool


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope, or InvalidParameters."""
    value = object_of(request.json, '{"query": "a text", "documents": ["a text", "another"]}')
    documents = value.get("documents")
    check_rows(len(documents) if isinstance(documents, list) else 0, request.max_rows)
    texts = texts_of(documents)
    faults = query_faults(value)
    if texts is None:
        faults.append(fault("documents", 'expected a list, at least one, of texts or of {"text": "a text"}'))
    if not isinstance(value.get("model"), str | None):
        faults.append(fault("model", "expected the name of a model"))
    refuse(faults)
    chosen = options_of(value, OWN, OPTIONS)
    shown, raw = chosen.get("return_documents", False), chosen.get("raw_scores", False)
    call = RerankCall(value["query"], texts or [], chosen.get("truncate", False))
    wanted = Wanted(documents, chosen.get("top_n"), shown, raw)
    return Decoded(call, note=wanted, model=value.get("model"), names={"texts": "documents"})


def query_faults(value: dict[str, Any]) -> list[dict[str, Any]]:
    return [] if isinstance(value.get("query"), str) else [fault("query", "expected a text")]


def texts_of(documents: Any) -> list[str] | None:
    """The text of each document; None where they are no documents."""
    if not isinstance(documents, list) or not documents:
        return None
    found = (each.get("text") if isinstance(each, dict) else each for each in documents)
    texts = [text for text in found if isinstance(text, str)]
    return texts if len(texts) == len(documents) else None


def encode(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A RerankAnswer."""
    wanted = decoded.note
    scores = answer.logits if wanted.raw else answer.scores
    results = [{"index": place, "relevance_score": scores[place]} for place in answer.order[: wanted.top_n]]
    if wanted.shown:
        results = [result | {"document": document(wanted.documents[result["index"]])} for result in results]
    tokens, _ = answer.tokens
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Encoded(dump({"id": request.id, "model": model.name, "results": results, "usage": usage}))


def document(given: Any) -> Any:
    return {"text": given} if isinstance(given, str) else given


ADAPTERS = {RERANK_TEXT: Adapter(decode, encode)}
