"""Fields of envelopes that marshmallow has not.

n = Whole(validate=validate.Range(min=1))       # takes 2 and 2.0, as JSON Schema's "integer" does; not "2", not true
"""

from marshmallow import fields

__all__ = ["Truth", "Whole"]


class Truth(fields.Boolean):
    """true or false; 1 and "yes" are neither."""

    def _deserialize(self, value, attr, data, **_):
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Whole(fields.Integer):
    """A whole number, however JSON writes it."""

    def __init__(self, **options):
        super().__init__(strict=True, **options)

    def _validated(self, value):
        return super()._validated(int(value) if isinstance(value, float) and value.is_integer() else value)
