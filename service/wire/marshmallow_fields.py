"""Fields of envelopes that marshmallow lacks, and its messages as a flat list.

n = Whole(validate=validate.Range(min=1))       # takes 2 and 2.0, as JSON Schema's "integer" does; not "2", not true
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import ValidationError, fields

__all__ = ["ShortList", "Truth", "Whole", "flat"]


class ShortList(fields.List):
    """A list of at most `most` elements; a longer one is refused before any element is looked at."""

    def __init__(self, inner: Any, *, most: int, **options: Any) -> None:
        super().__init__(inner, **options)
        self.most = most

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.most:
            raise ValidationError(f"at most {self.most} are taken, got {len(value)}")
        return super()._deserialize(value, attr, data, **options)


class Truth(fields.Boolean):
    """true or false; 1 and "yes" are neither."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A whole number, however JSON writes it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strict=True, **options)

    def _validated(self, value: Any) -> int:
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)


def flat(messages: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """marshmallow's nested messages as (dotted place, sentence)."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            yield from flat(below, where if key == "_schema" else f"{where}.{key}" if where else str(key))
    else:
        for message in messages:
            yield where or "body", message
