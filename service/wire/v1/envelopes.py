"""The envelopes of V1's bodies, as marshmallow schemas.

load(TABLE, {"instances": [[1, 2]], "top_k": 2})      # the same, checked; RequestError names every fault
"""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from ...errors import RequestError
from ..json_limits import MOST_KEYS, check_keys
from ..marshmallow_fields import ShortList, Whole, flat

__all__ = ["IMAGE", "TABLE", "TENSORS", "TEXT", "load"]

TOLD = 5  # faults in the sentence of an error; `details` has more


class TensorEnvelope(Schema):
    """The keys of a network's call; the tensors themselves are checked by the model."""

    instances = fields.Raw(metadata={"description": "rows: objects by name, or lists in the fitted order"})
    inputs = fields.Raw(metadata={"description": "the same as an object of columns, or of whole tensors"})
    outputs = ShortList(fields.String(), most=MOST_KEYS, validate=validate.Length(min=1))
    signature_name = fields.String(validate=validate.Equal("serving_default"))

    @validates_schema
    def one_form(self, data, **_):
        if ("instances" in data) == ("inputs" in data):
            raise ValidationError('exactly one of "instances" and "inputs" is expected', "instances")


class TableEnvelope(TensorEnvelope):
    """The keys of a tabular call; the rows themselves are checked by the column plan."""

    top_k = Whole(validate=validate.Range(min=1))


class Prompt(fields.Field):
    """A prompt: a string, or an object that holds one under "text"."""

    def _deserialize(self, value, attr, data, **_):
        if isinstance(value, dict) and value.keys() == {"text"}:
            value = value["text"]
        if not isinstance(value, str):
            raise ValidationError('expected a string or {"text": "..."}')
        return value


class TextEnvelope(Schema):
    """The keys of a text-generation call."""

    instances = fields.List(Prompt(), required=True, validate=validate.Length(min=1))
    parameters = fields.Dict(keys=fields.String(), load_default=dict)


class ImageEnvelope(Schema):
    """The keys of a call with images."""

    instances = fields.List(fields.Raw(allow_none=True), required=True, validate=validate.Length(min=1))
    parameters = fields.Dict(keys=fields.String(), load_default=dict)
    signature_name = fields.String(validate=validate.Equal("serving_default"))


IMAGE, TABLE, TENSORS, TEXT = ImageEnvelope(), TableEnvelope(), TensorEnvelope(), TextEnvelope()


def load(schema: Schema, value: Any) -> dict[str, Any]:
    """The envelope as the schema reads it. Raises RequestError that names every fault."""
    if isinstance(value, dict):
        check_keys(value)
    try:
        return schema.load(value)
    except ValidationError as error:
        details = [{"field": where, "message": what} for where, what in flat(error.normalized_messages())]
        sentences = "; ".join(f"{fault['field']}: {fault['message']}" for fault in details[:TOLD])
        sentences += f" (and {len(details) - TOLD} more)" if len(details) > TOLD else ""
        message = f"the request is not of the V1 form: {sentences}"
        raise RequestError(message, details=details, total=len(details)) from None
