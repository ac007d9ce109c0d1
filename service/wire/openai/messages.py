"""The messages of a chat: what a request may say of them.

    Message().load({"role": "assistant", "content": "Hello!", "refusal": None})    # {"role", "content"}

A message that this server has answered comes back as the client's library keeps it, with all its empty members. Those
say nothing; a member that says something, and that no template is given, is refused by name.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from .tools import Call

__all__ = ["IDLE", "NEUTRAL", "ROLES", "Message"]

ROLES = ("system", "developer", "user", "assistant", "tool")
# Members that mean nothing for the text: what libraries note beside an answer, or read from its content.
IDLE = {"annotations", "parsed", "provider_specific_fields"}
# Members that are not served -> the values besides null that say nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "refusal": ("",),
    "reasoning_content": ("",),
    "tool_calls": ([],),
}


class Content(fields.Field):
    """A message's text, or a list of parts that are texts: [{"type": "text", "text": "..."}]."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(map(is_text, value)):
            return [{"type": "text", "text": part["text"]} for part in value]
        raise ValidationError('expected a text, or a list of {"type": "text", "text": "..."}')


class Message(Schema):
    """One message, for the model's chat template."""

    class Meta:
        unknown = RAISE

    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    content = Content()
    name = fields.String()
    tool_calls = fields.List(fields.Nested(Call))
    tool_call_id = fields.String()

    @pre_load
    def drop_what_says_nothing(self, data, **_):
        if not isinstance(data, dict):
            return data
        said = {name: each for name, each in data.items() if not idle(name, each)}
        # Some libraries keep an answer that ended at once, the empty text, as null.
        return {"content": "", **said} if data.get("role") == "assistant" and "content" in data else said

    @validates_schema
    def check_role(self, data, **_):
        role, calls = data["role"], "tool_calls" in data
        if "content" not in data and not calls:
            raise ValidationError("Missing data for required field.", "content")
        if calls and role != "assistant":
            raise ValidationError("only the assistant calls functions", "tool_calls")
        if role == "tool" and "tool_call_id" not in data:
            raise ValidationError("Missing data for required field.", "tool_call_id")
        if role != "tool" and "tool_call_id" in data:
            raise ValidationError("only where the role is tool", "tool_call_id")

    @post_load
    def with_content(self, data, **_):
        return {"content": "", **data}


def idle(name: str, value: Any) -> bool:
    return value is None or name in IDLE or value in NEUTRAL.get(name, ())


def is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
