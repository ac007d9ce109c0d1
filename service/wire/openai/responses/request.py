"""What a request for a response may say; items.py has its input.

    decode_response(Request(b'{"model": "smollm2", "input": "Hi"}'))     # Decoded(TextCall([[{...}]]), ...)

Reference: https://platform.openai.com/docs/api-reference/responses/create. A field that is not served is refused by
name where it would change the answer.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, fields, post_load, validate

from ....capabilities import TextCall
from ...adapter import Decoded, Request
from ...marshmallow_fields import ShortList, Truth, Whole
from ..request import MOST_TOP_LOGPROBS, read
from ..response_format import ResponseFormat
from ..tools import MOST_TOOLS, Function, OnlyFunctions, ToolMembers, WithoutNulls, tools_of
from .items import Input, messages

__all__ = ["IDLE", "INCLUDED", "LOGPROBS", "NEUTRAL", "decode_response"]

IDLE = {"user", "metadata", "safety_identifier", "service_tier", "max_tool_calls"}
NEUTRAL = {
    "background": (False,),
    "context_management": ([],),
    "conversation": (),
    "moderation": (),
    "previous_response_id": (),
    "prompt": (),
    "store": (False,),
    "truncation": ("disabled",),
}
LOGPROBS = "message.output_text.logprobs"
INCLUDED = (LOGPROBS, "reasoning.encrypted_content")  # a model without hidden reasoning has none to encrypt


class Tool(OnlyFunctions, Function):
    """A function that is a tool by itself, without a member `function`."""

    class Meta:
        unknown = EXCLUDE

    @post_load
    def without_type(self, data, **_):
        return {name: each for name, each in data.items() if name != "type"}


class Format(ResponseFormat):
    """text.format: the same as response_format, with the members of json_schema beside the type."""

    def _deserialize(self, value, attr, data, **options):
        if isinstance(value, dict) and value.get("type") == "json_schema":
            value = {
                "type": "json_schema",
                "json_schema": {name: each for name, each in value.items() if name != "type"},
            }
        found = super()._deserialize(value, attr, data, **options)
        return None if found is None else found[0]


class Text(WithoutNulls):
    format = Format()
    verbosity = fields.String(validate=validate.Equal("medium", error="is not served here; leave it out"))


class Reasoning(WithoutNulls):
    """There is none apart from the text, and so no summary of it."""

    effort = fields.String(validate=validate.Equal("none", error="is not served here; leave it out"))
    summary = fields.Raw()
    generate_summary = fields.Raw()


class StreamOptions(Schema):
    include_obfuscation = Truth(allow_none=True)


class Envelope(ToolMembers):
    class Meta:
        unknown = RAISE

    model = fields.String(required=True)
    input = Input(required=True)
    instructions = fields.String()
    max_output_tokens = fields.Raw()
    include = ShortList(fields.String(validate=validate.OneOf(INCLUDED)), most=len(INCLUDED))
    reasoning = fields.Nested(Reasoning)
    text = fields.Nested(Text)
    tools = ShortList(fields.Nested(Tool), most=MOST_TOOLS)
    top_logprobs = Whole(validate=validate.Range(min=0, max=MOST_TOP_LOGPROBS))
    stream = Truth()
    stream_options = fields.Nested(StreamOptions)


ENVELOPE = Envelope()


def decode_response(request: Request) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    envelope, parameters = read(
        ENVELOPE, request.json, idle=IDLE, neutral=NEUTRAL, same={"max_output_tokens": "max_tokens"}
    )
    names = {"text": "input", "messages": "input"}
    if "max_output_tokens" in envelope:
        parameters["max_tokens"] = envelope["max_output_tokens"]
        names["max_tokens"] = "max_output_tokens"
    form = envelope.get("text", {}).get("format")
    if form:
        parameters["constraint"], names["constraint"] = form, "text.format.schema"
    logprobs = envelope.get("top_logprobs", 0) if LOGPROBS in envelope.get("include", ()) else None
    conversation = messages(envelope["input"], envelope.get("instructions"))
    return Decoded(
        TextCall([conversation], parameters, 1, logprobs, tools=tools_of(envelope), to_the_end=True),
        note=told_again(request.json, envelope, parameters),
        model=envelope["model"],
        stream=envelope.get("stream", False),
        names=names,
    )


def told_again(value: dict[str, Any], envelope: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """What a response repeats of its request."""
    functions = [{"description": None, "parameters": None, **each} for each in envelope.get("tools", ())]
    return {
        "instructions": envelope.get("instructions"),
        "max_output_tokens": envelope.get("max_output_tokens"),
        "metadata": value.get("metadata") or {},
        "parallel_tool_calls": envelope.get("parallel_tool_calls", True),
        "temperature": parameters.get("temperature"),
        "text": {"format": (value.get("text") or {}).get("format") or {"type": "text"}},
        "tool_choice": value.get("tool_choice") or "auto",
        "tools": [{"type": "function", "strict": True, **each} for each in functions],
        "top_logprobs": envelope.get("top_logprobs", 0),
        "top_p": parameters.get("top_p"),
        "user": value.get("user"),
    }
