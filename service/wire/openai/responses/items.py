"""The input of a response as messages of a TextCall.

    messages("Hi", "Be brief.")     # [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

Items that the server wrote come back as they are: messages with their output_text, and calls of functions, which stand
beside each other and are one message here.
"""

from __future__ import annotations

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from ...marshmallow_fields import ShortList
from ..tools import NAME, Arguments, WithoutNulls

__all__ = ["ITEM_TYPES", "ROLES", "TEXT_PARTS", "Input", "messages"]

MOST_ITEMS = 10_000
ROLES = ("user", "assistant", "system", "developer")
TEXT_PARTS = ("input_text", "output_text")
# Members that a server notes on what it wrote.
NOTED = {"id", "status", "phase", "annotations", "logprobs", "prompt_cache_breakpoint"}


class Text(fields.Field):
    """A text, or a list of parts that are texts."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(map(is_text, value)):
            return "".join(part["text"] for part in value)
        raise ValidationError('expected a text, or a list of {"type": "input_text", "text": "..."}')


def is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in TEXT_PARTS and isinstance(part.get("text"), str)


class Item(WithoutNulls):
    """One item; what a server has noted on it means nothing."""

    def load(self, data: Any, **options: Any) -> Any:
        known = {name: each for name, each in data.items() if name not in NOTED} if isinstance(data, dict) else data
        return super().load(known, **options)


class Message(Item):
    type = fields.String(validate=validate.Equal("message"))
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    content = Text(required=True)


class FunctionCall(Item):
    type = fields.String()
    call_id = fields.String(required=True)
    name = fields.String(required=True, validate=validate.Regexp(NAME))
    arguments = Arguments(required=True)


class FunctionCallOutput(Item):
    type = fields.String()
    call_id = fields.String(required=True)
    output = Text(required=True)


ITEM_TYPES: dict[str, Schema] = {
    "message": Message(),
    "function_call": FunctionCall(unknown=EXCLUDE),
    "function_call_output": FunctionCallOutput(),
}


class AnyItem(fields.Field):
    """An item of one of ITEM_TYPES, with its type."""

    def _deserialize(self, value, attr, data, **_):
        kind = value.get("type") or "message" if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in ITEM_TYPES:
            raise ValidationError(f"expected an item of one of the types {', '.join(ITEM_TYPES)}")
        return {**ITEM_TYPES[kind].load(value), "type": kind}


class Input(fields.Field):
    """A text of the user, or a list of items."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._items = ShortList(AnyItem(), most=MOST_ITEMS, validate=validate.Length(min=1))

    def _deserialize(self, value, attr, data, **options):
        if isinstance(value, str):
            return [{"type": "message", "role": "user", "content": value}]
        if isinstance(value, list):
            return self._items.deserialize(value, attr, data, **options)
        raise ValidationError("expected a text or a list of items")


def messages(items: list[dict[str, Any]], instructions: str | None) -> list[dict[str, Any]]:
    """Items that were read, in the form of a TextCall's messages."""
    made: list[dict[str, Any]] = [] if instructions is None else [{"role": "system", "content": instructions}]
    for item in items:
        last = made[-1] if made else {}
        match item["type"]:
            case "function_call":
                call = {"id": item["call_id"], "name": item["name"], "arguments": item["arguments"]}
                if last.get("role") == "assistant":
                    made[-1] = last | {"tool_calls": [*last.get("tool_calls", ()), call]}
                else:
                    made.append({"role": "assistant", "content": "", "tool_calls": [call]})
            case "function_call_output":
                made.append({"role": "tool", "content": item["output"], "tool_call_id": item["call_id"]})
            case _ if last.get("role") == "system" and item["role"] in ("system", "developer"):
                # Templates know one message of the system, the first one.
                made[-1] = {"role": "system", "content": f"{last['content']}\n\n{item['content']}"}
            case _:
                made.append({"role": item["role"], "content": item["content"]})
    return made
