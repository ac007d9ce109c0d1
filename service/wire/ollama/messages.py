"""The messages of Ollama's chats as those of a TextCall.

    Messages().deserialize([{"role": "user", "content": "Hi"}])     # [{"role": "user", "content": "Hi"}]

Ollama's calls of functions have no ids: a message of the role tool answers the first call of its `tool_name` that is
not answered yet, or without a name the first of all. The ids that a TextCall needs are made here.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, ValidationError, fields, validate

from ..marshmallow_fields import ShortList
from ..openai.request import MOST_MESSAGES
from ..openai.tools import NAME, Arguments, WithoutNulls

__all__ = ["ROLES", "Messages"]

ROLES = ("system", "user", "assistant", "tool")


class ObjectOfArguments(Arguments):
    """Arguments as an object; some libraries write the text of one."""

    def _deserialize(self, value, attr, data, **options):
        return self.checked(value) if isinstance(value, dict) else super()._deserialize(value, attr, data, **options)


class CalledFunction(WithoutNulls):
    class Meta:
        unknown = EXCLUDE  # its place in the list

    name = fields.String(required=True, validate=validate.Regexp(NAME))
    arguments = ObjectOfArguments(load_default=dict)


class Call(WithoutNulls):
    class Meta:
        unknown = EXCLUDE

    id = fields.String()
    function = fields.Nested(CalledFunction, required=True)


class Message(WithoutNulls):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    content = fields.String(load_default="")
    images = fields.List(fields.Raw(), validate=validate.Length(max=0, error="only texts are taken"))
    thinking = fields.String(validate=validate.Equal("", error="is not served here; leave it out"))
    tool_calls = fields.List(fields.Nested(Call))
    tool_name = fields.String()
    tool_call_id = fields.String()


class Messages(ShortList):
    """A list of messages -> messages of a TextCall, with ids."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fields.Nested(Message), most=MOST_MESSAGES, **options)

    def _deserialize(self, value, attr, data, **options):
        made: list[dict[str, Any]] = []
        waiting: list[dict[str, Any]] = []  # calls without an answer
        for place, message in enumerate(super()._deserialize(value, attr, data, **options)):
            role, calls = message["role"], message.get("tool_calls", ())
            if calls and role != "assistant":
                raise ValidationError({place: {"tool_calls": ["only the assistant calls functions"]}})
            one = {"role": role, "content": message["content"]}
            if calls:
                told = [
                    {"id": call.get("id", f"call_{place}_{at}"), **call["function"]} for at, call in enumerate(calls)
                ]
                one["tool_calls"], waiting = told, waiting + told
            if role == "tool":
                call = answered(message, waiting)
                if call is None:
                    raise ValidationError({place: ["it answers no call of a message before it"]})
                waiting.remove(call)
                one["tool_call_id"] = call["id"]
            made.append(one)
        return made


def answered(message: dict[str, Any], waiting: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The call that a message of the role tool answers."""
    for key, name in (("tool_call_id", "id"), ("tool_name", "name")):
        if message.get(key):
            return next((call for call in waiting if call[name] == message[key]), None)
    return next(iter(waiting), None)
