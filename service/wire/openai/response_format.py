"""OpenAI's `response_format` as a constraint of ours.

    ResponseFormat().deserialize({"type": "json_object"})     # {"type": "json_object"}

Others took it over with the schema in another place, {"type": "json_object", "schema": {...}} (Together, Fireworks,
llama.cpp): that is followed, too.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

__all__ = ["ResponseFormat", "place_of_schema"]

EXPECTED = 'expected {"type": "text"}, "json_object", or "json_schema" with json_schema.schema'
# What each type may hold besides the type, and what json_schema may.
MEMBERS = {"text": set(), "json_object": {"schema"}, "json_schema": {"json_schema", "schema"}}
DESCRIPTION = {"name", "description", "schema", "strict"}


class ResponseFormat(fields.Field):
    """A response_format -> a constraint, or None where any text will do."""

    def _deserialize(self, value, attr, data, **_):
        value = given(value)
        kind = value.pop("type", None)
        if not isinstance(kind, str) or kind not in MEMBERS:
            raise ValidationError(EXPECTED)
        refuse_unknown(value, MEMBERS[kind])
        described = given(value.get("json_schema", {}))
        refuse_unknown(described, DESCRIPTION, "json_schema.")
        schemas = [holder["schema"] for holder in (value, described) if "schema" in holder]
        if len(schemas) > 1 or not all(isinstance(schema, dict) for schema in schemas):
            raise ValidationError("expected one schema, an object")
        if schemas:
            return {"type": "json_schema", "schema": schemas[0]}
        if kind == "json_schema":
            raise ValidationError(EXPECTED)
        return {"type": kind} if kind == "json_object" else None


def place_of_schema(value: dict[str, Any]) -> str:
    """Where a response_format that was read holds its schema, as the caller wrote it."""
    if "schema" in value:
        return "response_format.schema"
    return "response_format.json_schema.schema" if value.get("json_schema") else "response_format"


def given(value: Any) -> dict[str, Any]:
    """The members of an object that are not null. Raises ValidationError unless it is one."""
    if not isinstance(value, dict):
        raise ValidationError(EXPECTED)
    return {name: member for name, member in value.items() if member is not None}


def refuse_unknown(value: dict[str, Any], known: set[str], prefix: str = "") -> None:
    """Raises ValidationError that names what would be dropped otherwise."""
    unknown = [f"{prefix}{name}" for name in value if name not in known]
    if unknown:
        raise ValidationError(f"{', '.join(unknown)}: not served here; leave it out")
