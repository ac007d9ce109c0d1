"""Ollama's protocol, described."""

from ....capabilities import GENERATE_TEXT
from ...ollama import messages, models, names, options, request, response
from ...v1.json_schema import SAMPLING
from ..functions import nested_tools
from ..parts import IN_ONE_FORM, TIMED, Operation, json, nullable

__all__ = ["MODEL", "OPERATIONS", "TAG"]

MODEL = None
TAG = {
    "name": "Ollama",
    "description": f"The API of Ollama {models.VERSION}, for the programs that speak it: chats, questions, lists.",
    "externalDocs": {"url": "https://docs.ollama.com/api"},
}
TEXT = {"type": "string"}
FLAG = {"type": ["boolean", "null"]}
NOTHING = {"type": "null"}  # of any other name: not given
OPTIONS = {
    "type": ["object", "null"],
    "properties": {
        **{name: SAMPLING[own] for name, own in names.NAMES.items()},
        "num_predict": {"anyOf": [{"enum": [-1, -2]}, SAMPLING["max_tokens"]], "description": "-1: to the end"},
        **{name: {"description": "says nothing about the text"} for name in sorted(options.IDLE)},
        **{name: {"enum": [None, *values], "description": "not served"} for name, values in options.NEUTRAL.items()},
    },
    "additionalProperties": NOTHING,
}
MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"enum": list(messages.ROLES)},
        "content": nullable(TEXT),
        "images": {"type": ["array", "null"], "maxItems": 0},
        "thinking": {"enum": [None, ""]},
        "tool_calls": {"type": ["array", "null"], "items": {"type": "object", "required": ["function"]}},
        "tool_name": nullable(TEXT),
        "tool_call_id": nullable(TEXT),
    },
    "required": ["role"],
    "additionalProperties": NOTHING,
}
ANSWER = {
    "type": "object",
    "properties": {"model": TEXT, "created_at": TEXT, "done": {"type": "boolean"}, "done_reason": TEXT},
    "required": ["model", "created_at", "done"],
}
DETAILS = {"type": "object", "properties": {"details": {"type": "object"}}, "required": ["details"]}


def chat(place):
    own = {"messages": nullable({"type": "array", "items": MESSAGE}), **nested_tools()}
    asked = [{"role": "user", "content": "Why is the sky blue?"}]
    return described(place, "Answer messages, by the model's own chat template", own, {}, messages=asked)


def generate(place):
    own = {"prompt": nullable(TEXT), "system": nullable(TEXT), "raw": FLAG}
    summary = "Answer a question by the model's own chat template, or with `raw` continue a text"
    return described(place, summary, own, request.GENERATE_NEUTRAL, prompt="Why is the sky blue?")


def described(place, summary, own, neutral, **example):
    served = [entry["name"] for entry in place.having(GENERATE_TEXT)]
    known = [*served, *(name + names.LATEST for name in served)]
    properties = {
        "model": {"type": "string", "enum": known} if served else TEXT,
        "stream": FLAG | {"description": "false: one object; otherwise a line for each piece"},
        "format": {"anyOf": [{"enum": [None, "", "json"]}, {"type": "object", "description": "a JSON schema"}]},
        "options": OPTIONS,
        **own,
        **{name: {"description": "says nothing about the text"} for name in sorted(request.IDLE)},
        **{
            name: {"enum": [None, *values], "description": "not served"}
            for name, values in (request.NEUTRAL | neutral).items()
        },
    }
    schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": NOTHING,
        "required": ["model"],
    }
    examples = [{"model": name, **example, "stream": False, "options": {"num_predict": 16}} for name in served[:1]]
    return Operation(
        summary,
        json(ANSWER) | {response.MEDIA_TYPE: {"schema": {}}},
        description="What is not served is refused by name, unless it asks for nothing.",
        body=json(schema, *examples),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )


def tags(place):
    listed = {"type": "array", "items": {"type": "object", "required": ["name", "model", "size", "digest"]}}
    answer = {"type": "object", "properties": {"models": listed}, "required": ["models"]}
    return Operation("The models that generate text", json(answer))


def show(place):
    served = [entry["name"] for entry in place.having(GENERATE_TEXT)]
    model = {"type": "string", "enum": served} if served else TEXT
    body = {"type": "object", "properties": {"model": model}, "required": ["model"]}
    return Operation("One of them in full", json(DETAILS), body=json(body), errors=(404, 413, 415, 503))


def version(place):
    answer = {"type": "object", "properties": {"version": {"const": models.VERSION}}, "required": ["version"]}
    return Operation("The release of Ollama whose API this is", json(answer), open=True)


OPERATIONS = {
    "POST chat": chat,
    "POST generate": generate,
    "GET tags": tags,
    "POST show": show,
    "GET version": version,
}
