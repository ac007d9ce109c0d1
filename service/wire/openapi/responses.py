"""OpenAI's Responses, described."""

from ...capabilities import GENERATE_TEXT
from ..openai import request as openai
from ..openai import sse
from ..openai.responses import items, request
from ..v1.json_schema import SAMPLING
from .functions import flat_tools
from .parts import PREDICTS, TIMED, Operation, json, nullable

__all__ = ["responses"]

TEXT = {"type": "string"}
FLAG = {"type": ["boolean", "null"]}
NOTHING = {"type": "null"}  # of any other name: not given
PART = {
    "type": "object",
    "properties": {"type": {"enum": list(items.TEXT_PARTS)}, "text": TEXT},
    "required": ["type", "text"],
}
TEXTS = {"anyOf": [TEXT, {"type": "array", "items": PART}]}
ITEMS = {
    "message": {"role": {"enum": list(items.ROLES)}, "content": TEXTS},
    "function_call": {"call_id": TEXT, "name": TEXT, "arguments": TEXT},
    "function_call_output": {"call_id": TEXT, "output": TEXTS},
}
ANSWER = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "object": {"const": "response"},
        "created_at": {"type": "integer"},
        "model": TEXT,
        "status": {"enum": ["completed", "incomplete", "cancelled"]},
        "output": {"type": "array", "items": {"type": "object", "required": ["id", "type", "status"]}},
        "usage": {"type": "object"},
    },
    "required": ["id", "object", "created_at", "model", "status", "output", "usage"],
}


def item(kind, members):
    needed = [] if kind == "message" else ["type"]
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **members},
        "required": [*needed, *members],
    }


def responses(place):
    names = [entry["name"] for entry in place.having(GENERATE_TEXT)]
    own = {
        "model": {"type": "string", "enum": names} if names else TEXT,
        "input": {
            "anyOf": [
                TEXT,
                {"type": "array", "minItems": 1, "items": {"anyOf": [item(*each) for each in ITEMS.items()]}},
            ]
        },
        "instructions": nullable(TEXT),
        "max_output_tokens": SAMPLING["max_tokens"],
        "include": nullable(
            {"type": "array", "maxItems": len(request.INCLUDED), "items": {"enum": list(request.INCLUDED)}}
        ),
        "reasoning": {"type": ["object", "null"], "description": "effort: none"},
        "text": {
            "type": ["object", "null"],
            "description": "format: text, json_object, or json_schema with a name and a schema",
        },
        "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": openai.MOST_TOP_LOGPROBS},
        "stream": {"type": ["boolean", "null"], "description": "true: the answer is text/event-stream"},
        "stream_options": {
            "type": ["object", "null"],
            "properties": {"include_obfuscation": FLAG},
            "additionalProperties": False,
        },
        **flat_tools(),
        **SAMPLING,
        **{name: {"description": "says nothing about the text"} for name in sorted(request.IDLE)},
        **{name: {"enum": [None, *values], "description": "not served"} for name, values in request.NEUTRAL.items()},
    }
    schema = {
        "type": "object",
        "properties": own,
        "patternProperties": {f"^{openai.IDLE_PREFIX}": {"description": "says nothing about the text"}},
        "additionalProperties": NOTHING,
        "required": ["model", "input"],
    }
    return Operation(
        "Answer a text or a conversation, by the model's own chat template",
        json(ANSWER) | {sse.MEDIA_TYPE: {"schema": {}}},
        description="Nothing is stored: each request has the whole conversation.",
        body=json(schema, *({"model": name, "input": "Why is the sky blue?"} for name in names[:1])),
        errors=tuple(status for status in PREDICTS if status != 406),
        headers=TIMED,
    )
