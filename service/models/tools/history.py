"""Calls of functions in earlier messages, as chat templates take them.

as_the_template_takes_them([{"role": "assistant", "content": "", "tool_calls": [
    {"id": "call_1", "name": "add", "arguments": {"a": 1}}]}, ...], form)
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from .form import ID_PATTERN, CallForm

__all__ = ["as_the_template_takes_them", "described"]

Message = dict[str, Any]


def as_the_template_takes_them(messages: Sequence[Message], form: CallForm) -> list[Message]:
    """Messages of a TextCall, their calls in the form of the libraries that templates are written for."""
    names = {call["id"]: call["name"] for message in messages for call in message.get("tool_calls", ())}
    return [taken(message, names, form) for message in messages]


def taken(message: Message, names: dict[str, str], form: CallForm) -> Message:
    if calls := message.get("tool_calls"):
        if form.writes:
            return message | {"tool_calls": [as_taken(call, form) for call in calls]}
        written = form.written([(call["name"], json.dumps(call["arguments"], ensure_ascii=False)) for call in calls])
        content = message["content"] if isinstance(message["content"], str) else ""
        others = {name: value for name, value in message.items() if name != "tool_calls"}
        return others | {"content": f"{content}\n{written}" if content else written}
    if message["role"] == "tool":
        name = names.get(message["tool_call_id"])
        return message | {"tool_call_id": short(message["tool_call_id"])} | ({"name": name} if name else {})
    return message


def as_taken(call: dict[str, Any], form: CallForm) -> dict[str, Any]:
    arguments = json.dumps(call["arguments"], ensure_ascii=False) if form.as_text else call["arguments"]
    function = {"name": call["name"], "arguments": arguments}
    return {"id": short(call["id"]), "type": "function", "function": function}


def short(call_id: str) -> str:
    """An id that every template takes, always the same for one id: Mistral's refuse others than of nine characters."""
    if re.fullmatch(ID_PATTERN, call_id):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]


def described(functions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The functions of a Tools for a template, which reads all three members without asking whether they are there."""
    defaults = {"description": "", "parameters": {"type": "object", "properties": {}}}
    return [{"type": "function", "function": {**defaults, **function}} for function in functions]
