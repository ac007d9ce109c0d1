"""OpenAI's completions and chat completions, described; its responses are in openapi/responses.py."""

from ....capabilities import EMBED_TEXT, GENERATE_TEXT
from ...embedding_options import SCHEMA as EMBEDDING
from ...openai import embeddings as vectors
from ...openai import messages as chat
from ...openai import request as openai
from ...openai import sse
from ...v1.json_schema import SAMPLING
from ..functions import CALLS, nested_tools
from ..parts import IN_ONE_FORM, TIMED, Operation, json, nullable
from ..reranking import rerank
from ..responses import responses

__all__ = ["INPUTS", "MODEL", "NOTHING", "NUMBERS", "OPERATIONS", "TAG", "TEXT"]

MODEL = None
TAG = {
    "name": "OpenAI",
    "description": "Completions, chat completions and responses, whole or streamed as events; embeddings, rankings.",
    "externalDocs": {"url": "https://platform.openai.com/docs/api-reference"},
}
TEXT = {"type": "string"}
IDS = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
MANY = {"type": "array", "minItems": 1, "maxItems": openai.MOST_CHOICES}
INPUTS = {"anyOf": [TEXT, IDS, {"type": "array", "minItems": 1, "items": {"anyOf": [TEXT, IDS]}}]}  # to embed
NUMBERS = {"type": "array", "items": {"type": "number"}}
FLAG = {"type": ["boolean", "null"]}
NOTHING = {"type": "null"}  # of any other name: not given
COMMON = {
    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": openai.MOST_CHOICES},
    "stream": {"type": ["boolean", "null"], "description": "true: the answer is text/event-stream"},
    "stream_options": {
        "type": ["object", "null"],
        "properties": {"include_usage": FLAG, "include_obfuscation": FLAG},
        "additionalProperties": False,
    },
    "response_format": {"type": ["object", "null"], "description": "text, json_object, or json_schema with a schema"},
    "max_completion_tokens": SAMPLING["max_tokens"],
    **SAMPLING,
    **{name: {"description": "says nothing about the text"} for name in sorted(openai.IDLE)},
    **{name: {"enum": list(neutral), "description": "not served"} for name, neutral in openai.NEUTRAL.items()},
}
CHOICES = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "object": TEXT,
        "created": {"type": "integer"},
        "model": TEXT,
        "choices": {"type": "array", "items": {"type": "object", "required": ["index", "finish_reason"]}},
        "usage": {"type": "object"},
    },
    "required": ["id", "object", "created", "model", "choices", "usage"],
}


def completions(place):
    prompt = {"anyOf": [TEXT, IDS, MANY | {"items": TEXT}, MANY | {"items": IDS}]}
    logprobs = {"type": ["integer", "null"], "minimum": 0, "maximum": openai.MOST_LOGPROBS}
    no_tools = {
        name: {"enum": [None, *values], "description": "not served"} for name, values in openai.NO_TOOLS.items()
    }
    own = {"prompt": prompt, "logprobs": logprobs, **no_tools}
    return described(place, "Continue texts", own, "prompt", "Once upon a time")


def chat_completions(place):
    part = {"type": "object", "properties": {"type": {"const": "text"}, "text": TEXT}, "required": ["type", "text"]}
    message = {
        "type": "object",
        "properties": {
            "role": {"enum": list(chat.ROLES)},
            "content": nullable({"anyOf": [TEXT, {"type": "array", "items": part}]}),
            "name": {"type": ["string", "null"]},
            "tool_call_id": {"type": ["string", "null"]},
            **{name: {"description": "says nothing about the text"} for name in sorted(chat.IDLE)},
            **{name: {"enum": [None, *neutral], "description": "not served"} for name, neutral in chat.NEUTRAL.items()},
            "tool_calls": CALLS,
        },
        "required": ["role"],
        "additionalProperties": NOTHING,
    }
    own = {
        "messages": {"type": "array", "minItems": 1, "items": message},
        "logprobs": {"type": ["boolean", "null"]},
        "top_logprobs": {"type": ["integer", "null"], "minimum": 0, "maximum": openai.MOST_TOP_LOGPROBS},
        **nested_tools(),
    }
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    return described(place, "Answer messages, by the model's own chat template", own, "messages", messages)


def embeddings(place):
    names = [entry["name"] for entry in place.having(EMBED_TEXT)]
    schema = {
        "type": "object",
        "properties": {
            "model": {"type": "string", "enum": names} if names else {"type": "string"},
            "input": INPUTS,
            "encoding_format": {"enum": [*vectors.FORMATS, None]},
            **EMBEDDING["properties"],
            **{name: {"description": "says nothing about the vectors"} for name in vectors.IDLE},
        },
        "required": ["model", "input"],
        "additionalProperties": NOTHING,
    }
    vector = {"anyOf": [NUMBERS, TEXT]}
    properties = {"object": {"const": "embedding"}, "index": {"type": "integer"}, "embedding": vector}
    each = {"type": "object", "properties": properties, "required": list(properties)}
    answer = {
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": each},
            "model": TEXT,
            "usage": {"type": "object", "required": ["prompt_tokens", "total_tokens"]},
        },
        "required": ["object", "data", "model", "usage"],
    }
    return Operation(
        "Embed texts",
        json(answer),
        description="A vector for each text, or list of token ids: numbers, or their bytes (float32) in base64.",
        body=json(schema, *({"model": name, "input": ["a text"]} for name in names[:1])),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )


def described(place, summary, own, needed, example):
    names = [entry["name"] for entry in place.having(GENERATE_TEXT)]
    model = {"type": "string", "enum": names} if names else {"type": "string"}
    schema = {
        "type": "object",
        "properties": {"model": model, **own, **COMMON},
        "patternProperties": {f"^{openai.IDLE_PREFIX}": {"description": "says nothing about the text"}},
        "additionalProperties": NOTHING,
        "required": ["model", needed],
        "allOf": [not_both(name, same) for name, same in openai.SAME.items()],
    }
    examples = [{"model": name, needed: example, "max_tokens": 16} for name in names[:1]]
    answer = json(CHOICES) | {sse.MEDIA_TYPE: {"schema": {}}}
    return Operation(
        summary,
        answer,
        description="Fields of OpenAI's that are not served are refused by name, unless they ask for nothing.",
        body=json(schema, *examples),
        errors=IN_ONE_FORM,
        headers=TIMED,
    )


def not_both(name, same):
    given = {"not": {"type": "null"}}
    return {"not": {"required": [name, same], "properties": {name: given, same: given}}}


def cancel(place):
    schema = {"type": "object", "properties": {"request_id": TEXT, "cancelled": {"const": True}}}
    return Operation(
        "End a request by its id, in whichever worker it runs",
        json(schema | {"required": ["request_id", "cancelled"]}),
        description="For whoever could send it: the API key must be the same. 404 where nothing runs under this id.",
        errors=(404,),
    )


OPERATIONS = {
    "POST completions": completions,
    "POST chat_completions": chat_completions,
    "POST responses": responses,
    "POST embeddings": embeddings,
    "POST rerank": rerank,
    "POST cancel": cancel,
}
