"""text-embeddings-inference's route, described."""

from ....capabilities import EMBED_TEXT
from ... import tei
from ...embedding_options import SCHEMA
from ..parts import IN_ONE_FORM, TIMED, Operation, json
from .openai import INPUTS, NOTHING, NUMBERS

__all__ = ["OPERATIONS", "TAG"]

TAG = {
    "name": "TEI",
    "description": "The embed route of text-embeddings-inference, for its clients.",
    "externalDocs": {"url": "https://huggingface.github.io/text-embeddings-inference/"},
}


def embed(place):
    schema = {
        "type": "object",
        "properties": {
            "inputs": INPUTS,
            "truncation_direction": {"enum": [*tei.DIRECTIONS, None]},
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


OPERATIONS = {"POST embed": embed}
