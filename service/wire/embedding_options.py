"""What calls for embeddings say, by the names that TEI and OpenAI have given it: their texts and their options.

    inputs_of("a text", "input", 100, faults)          # ["a text"]
    options({"truncate": True, "dimensions": 64})      # {"truncate": True, "dimensions": 64}, for an EmbedCall

Every other name is refused, and so is a value of the wrong type: all of them at once.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..generation.limits import BOOLEAN, Parameter, number
from .envelope import fault, options_of
from .table_formats.parts import check_rows

__all__ = ["SCHEMA", "inputs_of", "options"]

OPTIONS = {
    "truncate": BOOLEAN,
    "dimensions": number(1, whole=True),
    "normalize": BOOLEAN,
    "prompt_name": Parameter(
        "the name of a prompt", {"type": ["string", "null"]}, lambda value: isinstance(value, str)
    ),
}
IN_CALL = {"prompt_name": "prompt"}  # the options that an EmbedCall names otherwise
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: option.schema for name, option in OPTIONS.items()},
    "additionalProperties": False,
}


def options(value: dict[str, Any], own: Collection[str] = ()) -> dict[str, Any]:
    """The members that are none of its `own` -> arguments of an EmbedCall. Raises InvalidParameters."""
    return {IN_CALL.get(name, name): each for name, each in options_of(value, own, OPTIONS).items()}


def inputs_of(value: Any, name: str, max_rows: int, faults: list[dict[str, Any]]) -> list[Any]:
    """A text, token ids, or a list of either -> a list of texts and lists of token ids; a fault for anything else.

    name: of the value in the body. Raises PayloadTooLarge.
    """
    if isinstance(value, str) or is_ids(value):
        return [value]
    if isinstance(value, list) and value:
        check_rows(len(value), max_rows)
        if all(isinstance(each, str) or is_ids(each) for each in value):
            return value
    faults.append(fault(name, "expected a text, a list of texts, a list of token ids, or a list of such lists"))
    return []


def is_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(each) is int and each >= 0 for each in value)
