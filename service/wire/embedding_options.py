"""The options of an embedding call, by the names that TEI and OpenAI have given them.

    options({"truncate": True, "dimensions": 64})      # {"truncate": True, "dimensions": 64}, for an EmbedCall

Every other name is refused, and so is a value of the wrong type: all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidParameters

__all__ = ["SCHEMA", "options"]

# Name -> (name in the call, what is accepted, in words, the same as JSON Schema).
OPTIONS: dict[str, tuple[str, Callable[[Any], bool], str, dict[str, Any]]] = {
    "truncate": ("truncate", lambda value: type(value) is bool, "true or false", {"type": "boolean"}),
    "dimensions": (
        "dimensions",
        lambda value: type(value) is int and value >= 1,
        "a whole number, 1 or more",
        {"type": "integer", "minimum": 1},
    ),
    "normalize": ("normalize", lambda value: type(value) is bool, "true or false", {"type": "boolean"}),
    "prompt_name": ("prompt", lambda value: isinstance(value, str), "the name of a prompt", {"type": "string"}),
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: schema | {"type": [schema["type"], "null"]} for name, (*_, schema) in OPTIONS.items()},
    "additionalProperties": False,
}


def options(values: dict[str, Any]) -> dict[str, Any]:
    """{name: plain value}, null as if it were not there -> arguments of an EmbedCall. Raises InvalidParameters."""
    given = {name: value for name, value in values.items() if value is not None}
    faults = [
        {
            "parameter": name,
            "expected": OPTIONS[name][2] if name in OPTIONS else f"one of {', '.join(OPTIONS)}",
            "got": repr(value)[:80],
        }
        for name, value in given.items()
        if name not in OPTIONS or not OPTIONS[name][1](value)
    ]
    if faults:
        raise InvalidParameters.naming(faults)
    return {OPTIONS[name][0]: value for name, value in given.items()}
