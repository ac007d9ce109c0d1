"""OpenAI's completions and chat completions: what a call may say. Its answers are openai_answers.

    call = decode_chat(body)            # Call(model="smollm2", prompts=[[{"role": "user", ...}]], ...)
    call.parameters, call.n             # {"temperature": 0.6}, 1

Reference: https://platform.openai.com/docs/api-reference. What is not served is refused by name where it would
change the answer; sampling parameters are checked where all dialects' are.
"""

import re
from dataclasses import dataclass, field

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from ...errors import RequestError
from ..json_body import parse
from ..marshmallow_fields import Truth, Whole

__all__ = ["ROUTES", "Call", "decode_chat", "decode_completion", "error_body"]

ROUTES = re.compile(r"/v1/(?:(?:chat/)?completions|requests/[^/]+/cancel)$")
MOST_CHOICES = 128
MOST_LOGPROBS, MOST_TOP_LOGPROBS = 5, 20  # OpenAI's own
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
# Fields that say nothing about the text.
IDLE = {"user", "metadata", "store", "safety_identifier", "prompt_cache_key", "service_tier"}
# Fields that are not served -> the values that ask for nothing.
NEUTRAL = {
    "audio": (None,),
    "best_of": (None, 1),
    "echo": (None, False),
    "function_call": (None, "none"),
    "functions": (None, []),
    "modalities": (None, ["text"]),
    "moderation": (None,),
    "parallel_tool_calls": (None, True, False),
    "prediction": (None,),
    "reasoning_effort": (None, "none"),
    "suffix": (None, ""),
    "tool_choice": (None, "none", "auto"),
    "tools": (None, []),
    "verbosity": (None, "medium"),
    "web_search_options": (None,),
}
# Other names, or forms, of sampling parameters.
SAME = {"max_completion_tokens": "max_tokens", "response_format": "constraint"}
# The parameters of service.generation.params, by the names they have there.
SAMPLING = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "stop",
    "stop_token_ids",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "ignore_eos",
    "constraint",
)


@dataclass(frozen=True)
class Call:
    """prompts: texts, lists of token ids, or lists of messages. logprobs: None, or how many alternatives are listed."""

    model: str
    prompts: list
    parameters: dict = field(default_factory=dict)
    n: int = 1
    logprobs: int | None = None
    stream: bool = False
    include_usage: bool = False


class StreamOptions(Schema):
    include_usage = Truth(allow_none=True)
    include_obfuscation = Truth(allow_none=True)


class ResponseFormat(fields.Field):
    """OpenAI's response_format as a constraint of ours, or None."""

    def _deserialize(self, value, attr, data, **_):
        kind = value.get("type") if isinstance(value, dict) else None
        if kind == "text":
            return None
        if kind == "json_object":
            return {"type": "json_object"}
        described = value.get("json_schema") if kind == "json_schema" else None
        if isinstance(described, dict) and isinstance(described.get("schema"), dict):
            return {"type": "json_schema", "schema": described["schema"]}
        raise ValidationError('expected {"type": "text"}, "json_object", or "json_schema" with json_schema.schema')


class Envelope(Schema):
    """What both calls have."""

    class Meta:
        unknown = RAISE

    model = fields.String(required=True)
    n = Whole(allow_none=True, validate=validate.Range(min=1, max=MOST_CHOICES))
    stream = Truth(allow_none=True)
    stream_options = fields.Nested(StreamOptions, allow_none=True)
    response_format = ResponseFormat(allow_none=True)
    max_completion_tokens = fields.Raw(allow_none=True)

    @validates_schema
    def of_a_stream(self, data, **_):
        if data.get("stream_options") and not data.get("stream"):
            raise ValidationError("only where stream is true", "stream_options")


class Prompts(fields.Field):
    """A text, token ids, or a list of either -> a list of prompts."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str):
            return [value]
        if found := ids(value):
            return [found]
        if isinstance(value, list) and 0 < len(value) <= MOST_CHOICES:
            prompts = value if all(isinstance(one, str) for one in value) else list(map(ids, value))
            if None not in prompts:
                return prompts
        raise ValidationError(f"expected a text, a list of token ids, or a list of at most {MOST_CHOICES} of them")


class Content(fields.Field):
    """A message's text; OpenAI's list of parts, all of them text, is their texts together."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(map(is_text, value)):
            return "".join(one["text"] for one in value)
        raise ValidationError('expected a text, or a list of {"type": "text", "text": "..."}')


class Message(Schema):
    class Meta:
        unknown = RAISE

    role = fields.String(required=True, validate=validate.OneOf(["system", "developer", "user", "assistant"]))
    content = Content(required=True)
    name = fields.String(allow_none=True)


class CompletionEnvelope(Envelope):
    prompt = Prompts(required=True)
    logprobs = Whole(allow_none=True, validate=validate.Range(min=0, max=MOST_LOGPROBS))


class ChatEnvelope(Envelope):
    messages = fields.List(fields.Nested(Message), required=True, validate=validate.Length(min=1))
    logprobs = Truth(allow_none=True)
    top_logprobs = Whole(allow_none=True, validate=validate.Range(min=0, max=MOST_TOP_LOGPROBS))

    @validates_schema
    def both(self, data, **_):
        if data.get("top_logprobs") is not None and not data.get("logprobs"):
            raise ValidationError("only where logprobs is true", "top_logprobs")


def is_text(part):
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def ids(value):
    """A list of token ids, however JSON writes whole numbers; None where it is none."""
    if not isinstance(value, list) or not value:
        return None
    numbers = [int(one) if isinstance(one, float) and one.is_integer() else one for one in value]
    return numbers if all(type(one) is int and one >= 0 for one in numbers) else None


COMPLETION, CHAT = CompletionEnvelope(), ChatEnvelope()


def decode_completion(body):
    """Bytes -> Call. Raises RequestError with every fault of the envelope."""
    envelope, parameters = load(COMPLETION, body)
    return call(envelope, envelope["prompt"], parameters, envelope.get("logprobs"))


def decode_chat(body):
    """Bytes -> Call whose one prompt is a list of messages {"role", "content"}."""
    envelope, parameters = load(CHAT, body)
    messages = [{key: one[key] for key in ("role", "content")} for one in envelope["messages"]]
    logprobs = (envelope.get("top_logprobs") or 0) if envelope.get("logprobs") else None
    return call(envelope, [messages], parameters, logprobs)


def call(envelope, prompts, parameters, logprobs):
    if envelope.get("max_completion_tokens") is not None:
        parameters["max_tokens"] = envelope["max_completion_tokens"]
    if envelope.get("response_format"):
        parameters["constraint"] = envelope["response_format"]
    count = envelope.get("n") or 1
    if count * len(prompts) > MOST_CHOICES:
        told = f"n: {count} of each of {len(prompts)} prompts; a request has at most {MOST_CHOICES} choices"
        raise RequestError(told, details=[{"parameter": "n", "message": told}])
    options = envelope.get("stream_options") or {}
    return Call(
        model=envelope["model"],
        prompts=prompts,
        parameters=parameters,
        n=count,
        logprobs=logprobs,
        stream=bool(envelope.get("stream")),
        include_usage=bool(options.get("include_usage")),
    )


def load(schema, body):
    """Bytes -> (the envelope, {sampling parameter: JSON value}). Raises RequestError."""
    value = parse(body)
    if not isinstance(value, dict):
        raise RequestError("expected an object")
    parameters = {name: value[name] for name in SAMPLING if value.get(name) is not None}
    faults = [
        {"parameter": name, "message": "is not served here; leave it out"}
        for name, neutral in NEUTRAL.items()
        if name in value and not any(same(value[name], one) for one in neutral)
    ]
    faults += [
        {"parameter": name, "message": f"{other} is the same; give one of them"}
        for name, other in SAME.items()
        if value.get(name) is not None and value.get(other) is not None
    ]
    known = IDLE | NEUTRAL.keys() | set(SAMPLING)
    envelope = {}
    try:
        envelope = schema.load({name: one for name, one in value.items() if name not in known})
    except ValidationError as error:
        faults += [{"parameter": where, "message": told} for where, told in flat(error.normalized_messages())]
    if faults:
        told = "; ".join(f"{one['parameter']}: {one['message']}" for one in faults[:5])
        raise RequestError(told, details=faults, total=len(faults))
    return envelope, parameters


def same(value, other):
    """As JSON compares: 1 is 1.0, and true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def flat(messages, where=""):
    """marshmallow's nested messages as (dotted place, sentence)."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            yield from flat(below, where if key == "_schema" else f"{where}.{key}" if where else str(key))
    else:
        for message in messages:
            yield where or "body", message.rstrip(".")


def error_body(body, status):
    """OpenAI's form: message, type, param and code in one object; details and request_id beside them."""
    fault = body["error"]
    first = fault["details"][0] if fault["details"] else {}
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {**fault, "type": kind, "param": first.get("parameter")}}
