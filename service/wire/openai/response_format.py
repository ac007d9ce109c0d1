"""OpenAI's `response_format` as a constraint of ours.

    ResponseFormat().deserialize({"type": "json_object"})     # ({"type": "json_object"}, "response_format")

Others took it over with the schema in another place, {"type": "json_object", "schema": {...}} (Together, Fireworks,
llama.cpp): that is followed, too.
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

__all__ = ["ResponseFormat"]

EXPECTED = 'expected {"type": "text"}, "json_object", or "json_schema" with json_schema.schema'
# What each type may hold besides the type, and what json_schema may.
MEMBERS = {"text": set(), "json_object": {"schema"}, "json_schema": {"json_schema", "schema"}}
DESCRIPTION = {"name", "description", "schema", "strict"}


class ResponseFormat(fields.Field):
    """A response_format -> (a constraint, where the caller wrote it), or None where any text will do."""

    def _deserialize(self, value, attr, data, **_):
        value = given(value)
        kind = value.pop("type", None)
        if not isinstance(kind, str) or kind not in MEMBERS:
            raise ValidationError(EXPECTED)
        refuse_unknown(value, MEMBERS[kind])
        described = given(value.get("json_schema", {}))
        refuse_unknown(described, DESCRIPTION, "json_schema.")
        places = {"response_format.schema": value, "response_format.json_schema.schema": described}
        schemas = {place: holder["schema"] for place, holder in places.items() if "schema" in holder}
        if len(schemas) > 1 or not all(isinstance(schema, dict) for schema in schemas.values()):
            raise ValidationError("expected one schema, an object")
        for place, schema in schemas.items():
            return {"type": "json_schema", "schema": schema}, place
        if kind == "json_schema":
            raise ValidationError(EXPECTED)
        return ({"type": kind}, "response_format") if kind == "json_object" else None


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
