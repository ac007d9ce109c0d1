"""Functions in a request of OpenAI's dialect: those that may be called, and calls in earlier messages.

    tools_of({"tools": [{"name": "add", ...}], "tool_choice": "required"})      # Tools([...], required=True)

A function that has to be called by its name, or some that alone are allowed, are the only ones that the model is told
of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, post_load, pre_load, validate, validates_schema

from ...capabilities import Tools
from ..marshmallow_fields import ShortList, Truth

__all__ = [
    "MODES",
    "MOST_DEPTH",
    "MOST_TOOLS",
    "NAME",
    "Arguments",
    "Call",
    "Choice",
    "Function",
    "OnlyFunctions",
    "Parameters",
    "ToolMembers",
    "WithoutNulls",
    "tools_of",
]

MOST_TOOLS = 128  # OpenAI's own
MOST_DEPTH = 64  # of a schema or of arguments; templates and grammars are made by functions that call themselves
NAME = "^[a-zA-Z0-9_-]{1,64}$"  # OpenAI's own
MODES = ("none", "auto", "required")


def deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than `most` deep."""
    level = [value]
    for _ in range(most):
        level = [inner for each in level for inner in within(each)]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)


def within(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


class Parameters(fields.Field):
    """The JSON schema of an object."""

    def _deserialize(self, value, attr, data, **_):
        if not isinstance(value, dict) or value.get("type", "object") != "object":
            raise ValidationError('expected a JSON schema of {"type": "object"}')
        if deeper(value, MOST_DEPTH):
            raise ValidationError(f"it is nested more than {MOST_DEPTH} deep")
        return value


class Arguments(fields.Field):
    """The JSON text of an object -> the object; some clients write nothing where there are no arguments."""

    def _deserialize(self, value, attr, data, **_):
        return self.checked(self.read(value) if isinstance(value, str) else None)

    def read(self, text):
        try:
            return orjson.loads(text or "{}")
        except orjson.JSONDecodeError as error:
            sentence = (
                f"it is no JSON: {error}; a call that max_tokens has cut off has to be left out, or asked for again"
            )
            raise ValidationError(sentence) from None

    def checked(self, value):
        if isinstance(value, dict) and not deeper(value, MOST_DEPTH):
            return value
        raise ValidationError(f"expected the JSON text of an object, nested at most {MOST_DEPTH} deep")


class WithoutNulls(Schema):
    """null stands for a member that is not given."""

    class Meta:
        unknown = RAISE

    @pre_load
    def drop_nulls(self, data, **_):
        return {name: each for name, each in data.items() if each is not None} if isinstance(data, dict) else data


class Function(WithoutNulls):
    """One function. strict says nothing: arguments always fit their schema."""

    name = fields.String(required=True, validate=validate.Regexp(NAME))
    description = fields.String()
    parameters = Parameters()
    strict = Truth(load_only=True)

    @post_load
    def without_strict(self, data, **_):
        return {name: each for name, each in data.items() if name != "strict"}


class OnlyFunctions(Schema):
    """Other tools are refused by their type alone."""

    type = fields.String(required=True)

    @pre_load
    def check_type(self, data, **_):
        if isinstance(data, dict) and data.get("type") != "function":
            raise ValidationError('only the type "function" is served here', "type")
        return data


class Tool(OnlyFunctions, WithoutNulls):
    class Meta:
        unknown = EXCLUDE  # others' marks for their caches and the like

    function = fields.Nested(Function, required=True)

    @post_load
    def alone(self, data, **_):
        return data["function"]


class Choice(NamedTuple):
    """A tool_choice. mode: one of MODES. names: of the functions that may be called; None: all. named: whether one has
    to be called by its name."""

    mode: str = "auto"
    names: list[str] | None = None
    named: bool = False


class ToolChoice(fields.Field):
    """One of MODES, or a function by its name, or a mode and names that are allowed -> a Choice."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, str) and value in MODES:
            return Choice(value)
        match value:
            case {"type": "function", "function": {"name": str(name)}} | {"type": "function", "name": str(name)}:
                return Choice("required", [name], named=True)
            case {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)},
            }:
                return Choice(mode, list(map(name_of, tools)))
            case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(tools)}:
                return Choice(mode, list(map(name_of, tools)))
        raise ValidationError(f'expected {", ".join(MODES)}, or {{"type": "function", "function": {{"name": "..."}}}}')


def name_of(tool: Any) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}} | {"type": "function", "name": str(name)}:
            return name
    raise ValidationError('expected {"type": "function", "function": {"name": "..."}} of each')


class ToolMembers(Schema):
    """The members of a request that are about functions."""

    tools = ShortList(fields.Nested(Tool), most=MOST_TOOLS)
    tool_choice = ToolChoice()
    parallel_tool_calls = Truth()

    @validates_schema
    def check_names(self, data, **_):
        names = [function["name"] for function in data.get("tools") or ()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValidationError(f"more than one is named {', '.join(twice)}", "tools")
        mode, chosen, _ = data.get("tool_choice", Choice())
        if mode == "required" and not names:
            raise ValidationError("only where there are tools", "tool_choice")
        unknown = [name for name in chosen or () if name not in names]
        if unknown or chosen == []:
            raise ValidationError(f"there is no function {', '.join(unknown)} among the tools", "tool_choice")


class CalledFunction(WithoutNulls):
    name = fields.String(required=True, validate=validate.Regexp(NAME))
    arguments = Arguments(required=True)


class Call(WithoutNulls):
    """A call in an earlier message -> {"id", "name", "arguments"}."""

    class Meta:
        unknown = EXCLUDE  # its place in the list, and what other servers note beside it

    id = fields.String(required=True)
    type = fields.String(validate=validate.Equal("function", error="only functions are served here"))
    function = fields.Nested(CalledFunction, required=True)

    @post_load
    def flat(self, data, **_):
        return {"id": data["id"], **data["function"]}


def tools_of(envelope: dict[str, Any]) -> Tools | None:
    """What a request that was read says of functions; None where none may be called."""
    mode, chosen, _ = envelope.get("tool_choice", Choice())
    functions = [each for each in envelope.get("tools") or () if chosen is None or each["name"] in chosen]
    if mode == "none" or not functions:
        return None
    return Tools(functions, mode == "required", envelope.get("parallel_tool_calls", True))
