"""OpenAI's completions and chat completions: what a request may say. Its answers are response.py's.

    decoded = decode_chat(Request(body))    # Decoded(TextCall([[{"role": "user", ...}]], {"temperature": 0.6}), ...)
    decoded.model, decoded.stream           # "smollm2", False

Reference: https://platform.openai.com/docs/api-reference. A field that is not served is refused by name where it would
change the answer; sampling parameters are checked where all dialects' are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from ...capabilities import TextCall
from ...errors import RequestError
from ...generation.limits import PARAMETERS, violations
from ..adapter import Decoded, Request
from ..envelope import fault, object_of, refuse
from ..marshmallow_fields import ShortList, Truth, Whole, flat
from .messages import Message
from .response_format import ResponseFormat
from .tools import Choice, ToolMembers, tools_of

__all__ = [
    "MOST_LOGPROBS",
    "MOST_MESSAGES",
    "MOST_TOP_LOGPROBS",
    "SAME",
    "Options",
    "decode_chat",
    "decode_completion",
    "read",
    "unserved",
]

MOST_CHOICES = 128
MOST_MESSAGES = 10_000  # more than any context holds, and a fifth of a second to check
MOST_LOGPROBS, MOST_TOP_LOGPROBS = 5, 20  # OpenAI's own
# Fields that mean nothing for the text, and the beginnings of their names.
IDLE = {"user", "metadata", "store", "safety_identifier", "service_tier"}
IDLE_PREFIX = "prompt_cache_"
# Fields that are not served -> the values that ask for nothing.
NEUTRAL = {
    "audio": (None,),
    "best_of": (None, 1),
    "echo": (None, False),
    "function_call": (None, "none", "auto"),
    "functions": (None, []),
    "modalities": (None, ["text"]),
    "moderation": (None,),
    "prediction": (None,),
    "reasoning_effort": (None, "none"),
    "suffix": (None, ""),
    "verbosity": (None, "medium"),
    "web_search_options": (None,),
}
# The same for completions alone, which call no functions.
NO_TOOLS = {"parallel_tool_calls": (True, False), "tool_choice": ("none", "auto"), "tools": ([],)}
# Other names, or forms, of sampling parameters.
SAME = {"max_completion_tokens": "max_tokens", "response_format": "constraint"}


@dataclass(frozen=True)
class Options:
    """What the answer has to know of the request.

    include_usage: whether a stream ends with the usage. function_named: whether a function had to be called by its
    name; then the finish reason does not tell that one was.
    """

    include_usage: bool = False
    function_named: bool = False


class StreamOptions(Schema):
    include_usage = Truth(allow_none=True)
    include_obfuscation = Truth(allow_none=True)


class Envelope(Schema):
    """The members that both requests have."""

    class Meta:
        unknown = RAISE

    model = fields.String(required=True)
    n = Whole(allow_none=True, validate=validate.Range(min=1, max=MOST_CHOICES))
    stream = Truth(allow_none=True)
    stream_options = fields.Nested(StreamOptions, allow_none=True)
    response_format = ResponseFormat(allow_none=True)
    max_completion_tokens = fields.Raw(allow_none=True)

    @validates_schema
    def check_stream_options(self, data, **_):
        if data.get("stream_options") and not data.get("stream"):
            raise ValidationError("only where stream is true", "stream_options")


class Prompts(fields.Field):
    """A text, token ids, or a list of either -> a list of prompts."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str):
            return [value]
        if token_ids := ids(value):
            return [token_ids]
        if isinstance(value, list) and 0 < len(value) <= MOST_CHOICES:
            prompts = value if all(isinstance(prompt, str) for prompt in value) else list(map(ids, value))
            if None not in prompts:
                return prompts
        raise ValidationError(f"expected a text, a list of token ids, or a list of at most {MOST_CHOICES} of them")


class CompletionEnvelope(Envelope):
    prompt = Prompts(required=True)
    logprobs = Whole(allow_none=True, validate=validate.Range(min=0, max=MOST_LOGPROBS))


class ChatEnvelope(Envelope, ToolMembers):
    messages = ShortList(fields.Nested(Message), most=MOST_MESSAGES, required=True, validate=validate.Length(min=1))
    logprobs = Truth(allow_none=True)
    top_logprobs = Whole(allow_none=True, validate=validate.Range(min=0, max=MOST_TOP_LOGPROBS))

    @validates_schema
    def check_logprobs(self, data, **_):
        if data.get("top_logprobs") and not data.get("logprobs"):
            raise ValidationError("only where logprobs is true", "top_logprobs")


def ids(value: Any) -> list[int] | None:
    """A list of token ids, however JSON writes whole numbers; None where the value is not such a list."""
    if not isinstance(value, list) or not value:
        return None
    numbers = [int(number) if isinstance(number, float) and number.is_integer() else number for number in value]
    return numbers if all(type(number) is int and number >= 0 for number in numbers) else None


COMPLETION, CHAT = CompletionEnvelope(), ChatEnvelope()


def decode_completion(request: Request, _model: Any = None) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    envelope, parameters = read(COMPLETION, request.json, neutral=NEUTRAL | NO_TOOLS)
    return decoded(envelope, "prompt", envelope["prompt"], parameters, envelope.get("logprobs"))


def decode_chat(request: Request, _model: Any = None) -> Decoded:
    """The call's one prompt is a list of messages. Raises as `decode_completion`."""
    envelope, parameters = read(CHAT, request.json)
    logprobs = (envelope.get("top_logprobs") or 0) if envelope.get("logprobs") else None
    return decoded(envelope, "messages", [envelope["messages"]], parameters, logprobs)


def decoded(
    envelope: dict[str, Any], field: str, prompts: list[Any], parameters: dict[str, Any], logprobs: int | None
) -> Decoded:
    """field: that of the prompts."""
    names = {"text": field}
    if "max_completion_tokens" in envelope:
        parameters["max_tokens"] = envelope["max_completion_tokens"]
        names["max_tokens"] = "max_completion_tokens"
    if envelope.get("response_format"):
        parameters["constraint"], names["constraint"] = envelope["response_format"]
    count = envelope.get("n") or 1
    if count * len(prompts) > MOST_CHOICES:
        sentence = f"n: {count} of each of {len(prompts)} prompts; a request has at most {MOST_CHOICES} choices"
        raise RequestError(sentence, details=[fault("n", sentence)])
    stream_options = envelope.get("stream_options") or {}
    return Decoded(
        TextCall(prompts, parameters, count, logprobs, tools=tools_of(envelope), to_the_end=True),
        note=Options(bool(stream_options.get("include_usage")), envelope.get("tool_choice", Choice()).named),
        model=envelope["model"],
        stream=bool(envelope.get("stream")),
        names=names,
    )


def read(
    schema: Schema,
    value: Any,
    *,
    idle: Collection[str] = IDLE,
    neutral: Mapping[str, tuple[Any, ...]] = NEUTRAL,
    same: Mapping[str, str] = SAME,
    elsewhere: str = "",
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A body's JSON value -> (the envelope, {sampling parameter: JSON value}). Raises RequestError.

    idle: fields that mean nothing. neutral: those that are not served. same: other names of sampling parameters.
    elsewhere: the field that sampling parameters are members of, where they are none of the body.
    """
    value = {name: member for name, member in object_of(value).items() if member is not None}  # null: not given
    parameters = {name: each for name, each in value.items() if name in PARAMETERS}
    faults = [*unserved(value, neutral), *twice(value, same)]
    if elsewhere:
        faults += [fault(name, f"is a member of {elsewhere}") for name in parameters]
    known = {*idle, *neutral, *PARAMETERS}
    envelope = {}
    try:
        envelope = schema.load(
            {name: each for name, each in value.items() if name not in known and not name.startswith(IDLE_PREFIX)}
        )
    except ValidationError as error:
        messages = flat(error.normalized_messages())
        faults += [fault(in_brackets(where), message.rstrip(".")) for where, message in messages]
    if faults:
        faults += [] if elsewhere else sampling_faults(value, same)
    refuse(faults)
    return envelope, parameters


def sampling_faults(value: dict[str, Any], same: Mapping[str, str]) -> list[dict[str, str]]:
    """A fault for each sampling parameter that is wrong, under the name that it has here."""
    named = {name: name for name in value if name in PARAMETERS}
    # The envelope reads a response_format, which has another form.
    named |= {name: other for name, other in same.items() if name in value and other != "constraint"}
    found = [each | {"parameter": name} for name, own in named.items() for each in violations({own: value[name]})]
    return [each | {"message": "expected {expected}, got {got}".format(**each)} for each in found]


def unserved(value: dict[str, Any], neutral: Mapping[str, tuple[Any, ...]]) -> Iterator[dict[str, str]]:
    """A fault for each field that asks for what is not served."""
    for name, members in neutral.items():
        if name in value and not any(alike(value[name], member) for member in (*members, *idle_beside(name, value))):
            yield fault(name, "is not served here; leave it out")


def twice(value: dict[str, Any], same: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A fault for each field that is given under two names, and not alike."""
    for name, other in same.items():
        if name in value and other in value and not alike(value[name], value[other]):
            yield fault(name, f"{other} is the same; give one of them")


def idle_beside(name: str, value: dict[str, Any]) -> tuple[Any, ...]:
    """Further values of a field that ask for nothing beside the other fields of this request."""
    if name == "best_of":  # the best n of n
        return (value.get("n"),)
    if name == "tools" and value.get("tool_choice") == "none":  # of completions; chats read their tools
        return (value[name],)
    if name == "functions" and value.get("function_call") == "none":
        return (value[name],)
    return ()


def alike(value: Any, other: Any) -> bool:
    """As JSON compares: 1 is 1.0, and true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def in_brackets(place: str) -> str:
    """A place as OpenAI writes it: messages.0.role -> messages[0].role."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", place)
