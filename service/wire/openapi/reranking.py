"""The route that Cohere, Jina and vLLM share, described: texts by how well they answer a query."""

from ...capabilities import RERANK_TEXT
from ..rerank import IDLE, OPTIONS
from .parts import IN_ONE_FORM, TIMED, Operation, json

__all__ = ["BODY", "RESULTS", "example", "rerank"]

TEXT = {"type": "string"}
DOCUMENT = {"anyOf": [TEXT, {"type": "object", "properties": {"text": TEXT}, "required": ["text"]}]}
BODY = {
    "type": "object",
    "properties": {
        "model": {"type": ["string", "null"], "description": "without it: the default for ranking"},
        "query": TEXT,
        "documents": {"type": "array", "minItems": 1, "items": DOCUMENT},
        **{name: option.schema for name, option in OPTIONS.items()},
        **{name: {"description": "says nothing about the scores"} for name in IDLE},
    },
    "required": ["query", "documents"],
    "additionalProperties": {"type": "null"},
}
RESULT = {
    "type": "object",
    "properties": {"index": {"type": "integer"}, "relevance_score": {"type": "number"}, "document": {"type": "object"}},
    "required": ["index", "relevance_score"],
}
RESULTS = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "model": TEXT,
        "results": {"type": "array", "items": RESULT},
        "usage": {"type": "object", "required": ["prompt_tokens", "total_tokens"]},
    },
    "required": ["id", "model", "results", "usage"],
}


def example(entry, texts):
    """The model's own example as a call. texts: the name of what is ranked."""
    rows = entry["example"]["instances"]
    return {"query": rows[0]["query"], texts: [row["text"] for row in rows]}


def rerank(place):
    served = place.having(RERANK_TEXT)
    return Operation(
        "Rank texts",
        json(RESULTS),
        description="The best document stands first; scores are from 0 to 1, or the network's own with `raw_scores`.",
        body=json(BODY, *({"model": entry["name"], **example(entry, "documents")} for entry in served[:1])),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )
