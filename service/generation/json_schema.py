"""A JSON schema as llguidance can follow it: what says nothing about a text's form is left out, and little else.

    followable({"type": "string", "format": "password"})      # {"type": "string"}

- `format` is an annotation in JSON Schema. Those that llguidance knows are followed; all others are names for readers.
- `uniqueItems` is in every schema of a set (pydantic, dataclasses). No grammar can follow it; what reads such a list
  makes a set of it, and drops what comes twice.
- `propertyNames` together with `additionalProperties` is what these libraries make of a mapping with known keys: the
  same as properties that need not be there.
- A branch of `anyOf` whose pattern looks around (pydantic's Decimal, as a text) is left out where there are others:
  what fits these fits the schema.

Everything else is left for llguidance to follow or to refuse by name.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["FORMATS", "followable"]

FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}
LOOKS_AROUND = re.compile(r"\(\?<?[=!]")

# Keywords by what they hold. All others hold values (enum, const, default, examples), in which nothing is a keyword.
SCHEMA = {"additionalProperties", "items", "not", "if", "then", "else", "contains", "propertyNames", "additionalItems"}
SCHEMAS = {"anyOf", "oneOf", "allOf", "prefixItems", "items"}
NAMED_SCHEMAS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}


def followable(schema: Any, root: Any = None) -> Any:
    """A JSON schema -> one that llguidance can follow, if it can be followed. root: the whole one, for references."""
    if not isinstance(schema, dict):
        return schema
    root = schema if root is None else root
    kept = {keyword: value for keyword, value in schema.items() if not is_annotation(keyword, value)}
    return with_named_properties({keyword: below(keyword, value, root) for keyword, value in kept.items()}, root)


def below(keyword: str, value: Any, root: Any) -> Any:
    """The value of a keyword, followable as well where it holds schemas."""
    if keyword in NAMED_SCHEMAS and isinstance(value, dict):
        return {name: followable(each, root) for name, each in value.items()}
    if keyword in SCHEMAS and isinstance(value, list):
        branches = [each for each in value if not looks_around(each)] if keyword == "anyOf" else []
        return [followable(each, root) for each in branches or value]
    return followable(value, root) if keyword in SCHEMA else value


def is_annotation(keyword: str, value: Any) -> bool:
    return keyword == "uniqueItems" or (keyword == "format" and isinstance(value, str) and value not in FORMATS)


def looks_around(schema: Any) -> bool:
    pattern = schema.get("pattern") if isinstance(schema, dict) else None
    return isinstance(pattern, str) and LOOKS_AROUND.search(pattern) is not None


def with_named_properties(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    """propertyNames as properties, or as a pattern of them; unchanged where it says more than that."""
    names = resolved(schema.get("propertyNames"), root)
    beside = schema.keys() & {"properties", "patternProperties", "required", "minProperties", "maxProperties"}
    if not isinstance(names, dict) or beside:
        return schema
    meaning = {key: value for key, value in names.items() if key not in ("title", "description", "type")}
    rest = {key: value for key, value in schema.items() if key not in ("propertyNames", "additionalProperties")}
    each = schema.get("additionalProperties", True)
    closed = {**rest, "additionalProperties": False}
    if names.get("type", "string") != "string":
        return schema
    if not meaning:
        return {**rest, "additionalProperties": each}
    if meaning.keys() == {"enum"} and all(isinstance(name, str) for name in meaning["enum"]):
        return {**closed, "properties": dict.fromkeys(meaning["enum"], each)}
    if meaning.keys() == {"const"} and isinstance(meaning["const"], str):
        return {**closed, "properties": {meaning["const"]: each}}
    if meaning.keys() == {"pattern"}:
        return {**closed, "patternProperties": {meaning["pattern"]: each}}
    return schema


def resolved(schema: Any, root: Any) -> Any:
    """What a reference within the document refers to; any other schema as it is."""
    reference = schema.get("$ref") if isinstance(schema, dict) and schema.keys() == {"$ref"} else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found = root
    for name in reference[2:].split("/"):
        found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
    return found
