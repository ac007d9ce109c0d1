"""text-embeddings-inference's routes, described."""

from ....capabilities import EMBED_TEXT, RERANK_TEXT
from ...embedding_options import SCHEMA
from ...tei.errors import DIRECTIONS
from ...tei.rerank import OPTIONS
from ..parts import IN_ONE_FORM, TIMED, Operation, json
from ..reranking import BODY, RESULTS, example
from .openai import INPUTS, NOTHING, NUMBERS, TEXT

__all__ = ["OPERATIONS", "TAG"]

TAG = {
    "name": "TEI",
    "description": "The routes of text-embeddings-inference, for its clients.",
    "externalDocs": {"url": "https://huggingface.github.io/text-embeddings-inference/"},
}


def embed(place):
    schema = {
        "type": "object",
        "properties": {
            "inputs": INPUTS,
            "truncation_direction": {"enum": [*DIRECTIONS, None]},
            **SCHEMA["properties"],
        },
        "required": ["inputs"],
        "additionalProperties": NOTHING,
    }
    return Operation(
        "Embed texts with the default model",
        json({"type": "array", "items": NUMBERS}),
        body=json(schema, *([{"inputs": ["a text"]}] if place.default(EMBED_TEXT) else [])),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )


def rerank(place):
    own = {
        "type": "object",
        "properties": {
            "query": TEXT,
            "texts": {"type": "array", "minItems": 1, "items": TEXT},
            "truncation_direction": {"enum": [*DIRECTIONS, None]},
            **{name: option.schema for name, option in OPTIONS.items()},
        },
        "required": ["query", "texts"],
        "additionalProperties": NOTHING,
    }
    rank = {
        "type": "object",
        "properties": {"index": {"type": "integer"}, "score": {"type": "number"}, "text": TEXT},
        "required": ["index", "score"],
    }
    entry = place.default(RERANK_TEXT)
    return Operation(
        "Rank texts with the default model",
        json({"anyOf": [{"type": "array", "items": rank}, RESULTS]}),
        description="With `documents` instead of `texts` it is `/v1/rerank`.",
        body=json({"anyOf": [own, BODY]}, *([example(entry, "texts")] if entry else [])),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )


OPERATIONS = {"POST embed": embed, "POST rerank": rerank}
