"""text-embeddings-inference's route, described."""

from ....capabilities import EMBED_TEXT
from ... import tei
from ...embedding_options import SCHEMA
from ..parts import PREDICTS, TIMED, Operation, json
from .openai import IDS, TEXT

__all__ = ["OPERATIONS", "TAG"]

TAG = {
    "name": "TEI",
    "description": "The embed route of text-embeddings-inference, for its clients.",
    "externalDocs": {"url": "https://huggingface.github.io/text-embeddings-inference/"},
}


def embed(place):
    several = {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT, IDS]}}
    schema = {
        "type": "object",
        "properties": {
            "inputs": {"anyOf": [TEXT, IDS, several]},
            "truncation_direction": {"enum": [*tei.DIRECTIONS, None]},
            **SCHEMA["properties"],
        },
        "required": ["inputs"],
        "additionalProperties": {"type": "null"},
    }
    vectors = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    return Operation(
        "Embed texts with the default model",
        json(vectors),
        body=json(schema, *([{"inputs": ["a text"]}] if place.default(EMBED_TEXT) else [])),
        errors=tuple(status for status in PREDICTS if status != 406),
        headers=TIMED,
    )


OPERATIONS = {"POST embed": embed}
