"""Functions that a text model may call, as OpenAI's requests describe them."""

from ..openai import tools
from .parts import nullable

__all__ = ["CALLS", "flat_tools", "nested_tools"]

NAME = {"type": "string", "pattern": tools.NAME}
FLAG = {"type": ["boolean", "null"]}
MEMBERS = {
    "name": NAME,
    "description": {"type": ["string", "null"]},
    "parameters": {"type": ["object", "null"], "description": "the JSON schema of an object"},
    "strict": FLAG | {"description": "says nothing: arguments always fit their schema"},
}
FUNCTION = {"type": "object", "properties": MEMBERS, "required": ["name"], "additionalProperties": {"type": "null"}}
TYPE = {"const": "function"}
NAMED = {"type": "object", "properties": {"type": TYPE, "name": NAME}, "required": ["type", "name"]}
NAMED_WITHIN = {
    "type": "object",
    "properties": {"type": TYPE, "function": {"type": "object", "properties": {"name": NAME}, "required": ["name"]}},
    "required": ["type", "function"],
}
CALLS = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "type": {"enum": ["function", None]},
            "function": {
                "type": "object",
                "properties": {"name": NAME, "arguments": {"type": "string", "description": "the JSON of an object"}},
                "required": ["name", "arguments"],
                "additionalProperties": {"type": "null"},
            },
        },
        "required": ["id", "function"],
    },
}


def nested_tools():
    """The three members of a chat's request: a tool holds its function."""
    tool = {"type": "object", "properties": {"type": TYPE, "function": FUNCTION}, "required": ["type", "function"]}
    return described(tool, NAMED_WITHIN)


def flat_tools():
    """The same of a response's request: a tool is its function."""
    tool = {"type": "object", "properties": {"type": TYPE, **MEMBERS}, "required": ["type", "name"]}
    return described(tool, NAMED)


def described(tool, named):
    allowed = {"type": "object", "properties": {"type": {"const": "allowed_tools"}}, "required": ["type"]}
    return {
        "tools": {"type": ["array", "null"], "maxItems": tools.MOST_TOOLS, "items": tool},
        "tool_choice": nullable({"anyOf": [{"enum": list(tools.MODES)}, named, allowed]}),
        "parallel_tool_calls": FLAG,
    }
