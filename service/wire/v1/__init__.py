"""KServe V1 and TensorFlow Serving's REST predict: Daylight's native dialect, with optional extras.

    {"instances": [{"age": 31}, {"age": 44}], "outputs": ["predict", "predict_proba"], "top_k": 2}
    -> {"predictions": ["yes", "no"], "outputs": {...}, "model_name": "churn", "model_version": "3"}

Protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol and
https://www.tensorflow.org/tfx/serving/api_rest. Envelopes are marshmallow schemas; cells are
the column plan's business.
"""

import re
from datetime import datetime

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from ...errors import RequestError
from ..json_body import parse
from ..marshmallow_fields import Whole

__all__ = [
    "ROUTES",
    "decode_table",
    "decode_text",
    "describe",
    "encode_completions",
    "encode_table",
    "error_body",
    "list_models",
]

ROUTES = re.compile(r"/v1/")


class TableEnvelope(Schema):
    """The keys of a tabular call; the rows themselves are checked by the column plan."""

    instances = fields.Raw(metadata={"description": "rows: objects by column name, or lists in the fitted order"})
    inputs = fields.Raw(metadata={"description": "the same rows as an object of columns"})
    outputs = fields.List(fields.String(), validate=validate.Length(min=1))
    top_k = Whole(validate=validate.Range(min=1))
    signature_name = fields.String(validate=validate.Equal("serving_default"))

    @validates_schema
    def one_form(self, data, **_):
        if ("instances" in data) == ("inputs" in data):
            raise ValidationError('exactly one of "instances" and "inputs" is expected', "instances")


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


TABLE, TEXT = TableEnvelope(), TextEnvelope()


def decode_table(body):
    """Bytes -> (instances, outputs or None, top_k or None). Raises RequestError."""
    value = parse(body)
    # The commonest envelope has one key, and that is right whatever the rows are: the schema costs more than they do.
    if type(value) is dict and len(value) == 1 and type(value.get("instances")) is list:
        return value["instances"], None, None
    call = load(TABLE, value)
    return call.get("instances", call.get("inputs")), call.get("outputs"), call.get("top_k")


def decode_text(body):
    """Bytes -> (prompts, parameters). Raises RequestError."""
    call = load(TEXT, parse(body))
    return call["instances"], call["parameters"]


def load(schema, value):
    try:
        return schema.load(value)
    except ValidationError as error:
        details = [{"field": where, "message": what} for where, what in flat(error.normalized_messages())]
        told = "; ".join(f"{fault['field']}: {fault['message']}" for fault in details)
        raise RequestError(f"the request is not of the V1 form: {told}", details=details) from None


def flat(messages, where=""):
    """marshmallow's nested messages as (dotted place, sentence)."""
    if isinstance(messages, dict):
        for key, below in messages.items():
            yield from flat(below, where if key == "_schema" else f"{where}.{key}" if where else str(key))
    else:
        for message in messages:
            yield where or "body", message


def encode_table(model, answer, asked):
    """A TabularAnswer as the V1 answer; `outputs` only where the caller chose them."""
    body = {"predictions": answer.predictions, "model_name": model.name, "model_version": model.version}
    if asked:
        body["outputs"] = answer.outputs
    if answer.warnings:
        body["warnings"] = answer.warnings
    return body


def encode_completions(model, completions):
    predictions = [{"text": one.text, "finish_reason": one.finish_reason, "usage": usage(one)} for one in completions]
    return {"predictions": predictions, "model_name": model.name, "model_version": model.version}


def usage(completion):
    prompt, completed = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completed, "total_tokens": prompt + completed}


def list_models(entries):
    """The union of KServe's `models` and OpenAI's `data`; entries come from Predictor.catalogue()."""
    data = [
        {
            "id": entry["name"],
            "object": "model",
            "created": int(datetime.fromisoformat(entry["created"]).timestamp()),
            "owned_by": "daylight",
            **{key: entry[key] for key in ("kind", "version", "ready", "default")},
        }
        for entry in entries
    ]
    return {"object": "list", "models": [entry["name"] for entry in entries], "data": data}


def describe(entry):
    """The union of KServe's `name`, `ready` and TF Serving's `model_version_status`, and all else known."""
    status = {"version": entry["version"], "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    return {**entry, "model_version_status": [status]}


def error_body(body, _status):
    """V1's `error` is a string; code, details and request_id stand beside it."""
    fault = dict(body["error"])
    return {"error": fault.pop("message"), **fault}
