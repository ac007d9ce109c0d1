"""KServe V1 and TensorFlow Serving's REST predict: Daylight's native dialect, with optional extras.

    {"instances": [{"age": 31}, {"age": 44}], "outputs": ["predict", "predict_proba"], "top_k": 2}
    -> {"predictions": ["yes", "no"], "outputs": {...}, "model_name": "churn", "model_version": "3"}

Protocol: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol and
https://www.tensorflow.org/tfx/serving/api_rest. Envelopes are marshmallow schemas (envelopes.py), imported when the
first of them is read: that takes 24 ms, and most bodies need none. Cells are the column plan's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from ...capabilities import (
    CLASSIFY_IMAGE,
    EMBED_TEXT,
    GENERATE_TEXT,
    PREDICT_TABLE,
    RUN_TENSORS,
    EmbedCall,
    TableCall,
    TextCall,
)
from ...errors import NotAcceptable
from .. import images, table_formats
from ..adapter import Adapter, Decoded, Encoded, Request
from ..embedding_options import options
from ..json_body import JSON, dump
from ..json_limits import check_keys
from ..outcomes import Outcome
from ..output_options import from_query
from ..quick_tables import number_lists, typed_rows
from ..table_formats.parts import check_rows
from ..text_calls import ASKED, Asked
from .network import decode_tensors, encode_tensors

__all__ = ["ADAPTERS", "NAME", "PREFIX", "describe", "error_body", "list_models"]

NAME = "v1"
PREFIX = "/v1/models/"
FORMS = ("instances", "inputs")
TABLES = tuple(table_formats.FORMS)
ANSWERS = (JSON, *table_formats.ANSWERS)
CONTENT_TYPES = {  # without a charset many readers take Latin-1
    table_formats.CSV: f"{table_formats.CSV}; charset=utf-8",
    table_formats.ESCAPED_CSV: f"{table_formats.ESCAPED_CSV}; charset=utf-8",
}


def decode_table(request: Request, model: Any) -> Decoded:
    """JSON, or one of the table formats with its options in the query -> a TableCall. Raises RequestError kinds."""
    if request.media_type != JSON:
        outputs, top_k = from_query(request.query)
        instances, warnings = table_formats.read(request, model)
        return Decoded(TableCall(instances, outputs, top_k, warnings))
    call = typed_rows(request, model, "instances")
    if call is not None:
        return Decoded(call)
    found = number_lists(request, model, FORMS, lambda value: Decoded(table_call(value)))
    return found or Decoded(table_call(request.json))


def table_call(value: Any) -> TableCall:
    """A body's JSON value -> a TableCall. Raises RequestError."""
    # Most envelopes have one key, which is right whatever the rows are: the schema costs more than the rows do.
    if type(value) is dict and len(value) == 1:
        ((form, instances),) = value.items()
        if form in FORMS and instances is not None:
            return TableCall(instances)
    from .envelopes import TABLE, load

    envelope = load(TABLE, value)
    instances = envelope.get("instances", envelope.get("inputs"))
    return TableCall(instances, envelope.get("outputs"), envelope.get("top_k"))


def decode_text(request: Request, _model: Any) -> Decoded:
    """Bytes of JSON -> a TextCall. Raises RequestError or PayloadTooLarge."""
    return Decoded(TextCall(*texts_of(request)))


def decode_embedding(request: Request, _model: Any) -> Decoded:
    """Bytes of JSON -> an EmbedCall. Raises RequestError, PayloadTooLarge or InvalidParameters."""
    texts, parameters = texts_of(request)
    return Decoded(EmbedCall(texts, **options(parameters)), names={"input": "instances"})


def decode_asked(asked: Asked, request: Request, _model: Any) -> Decoded:
    """Bytes of JSON -> a call for something else of texts. Raises as `decode_embedding`."""
    texts, parameters = texts_of(request)
    return Decoded(asked.call(texts, parameters), names={"texts": "instances"})


def decode_images(request: Request, _model: Any) -> Decoded:
    """An image, files of a form, or JSON -> a ClassifyImageCall. Raises as `decode_embedding`."""
    if request.media_type != JSON:
        return Decoded(images.call_of(images.from_body(request), images.options_in(request.query)))
    from .envelopes import IMAGE, load

    envelope = load(IMAGE, checked(request))
    return Decoded(images.call_of(images.from_values(envelope["instances"]), envelope["parameters"]))


def texts_of(request: Request) -> tuple[list[str], dict[str, Any]]:
    """The texts and the parameters of a body. Raises RequestError or PayloadTooLarge."""
    from .envelopes import TEXT, load

    envelope = load(TEXT, checked(request))
    return envelope["instances"], envelope["parameters"]


def checked(request: Request) -> Any:
    """A body's JSON value, whose instances and parameters are not too many. Raises RequestError or PayloadTooLarge."""
    value = request.json
    if isinstance(value, dict):
        instances, parameters = value.get("instances"), value.get("parameters")
        check_rows(len(instances) if isinstance(instances, list) else 0, request.max_rows)
        check_keys(parameters if isinstance(parameters, dict) else {})
    return value


def encode_table(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TabularAnswer in the first of the accepted formats that can hold it. Raises NotAcceptable."""
    refused = None
    for media_type in request.accepted:
        if media_type == JSON:
            return Encoded(dump(table_body(model, decoded.call, answer)))
        try:
            content = table_formats.encode(media_type, answer.outputs)
        except NotAcceptable as error:  # its library is not installed; the next form may do
            refused = error
            continue
        if content is not None:
            return Encoded(content, CONTENT_TYPES.get(media_type, media_type))
    if refused is not None:
        raise refused
    others = ", ".join(media_type for media_type in ANSWERS if media_type not in request.accepted)
    raise NotAcceptable(f"{', '.join(request.accepted)} cannot hold these outputs; there are also {others}")


def table_body(model: Any, call: TableCall, answer: Any) -> dict[str, Any]:
    """A TabularAnswer as the V1 answer; `outputs` only where the request chose them."""
    body = {"predictions": answer.predictions, "model_name": model.name, "model_version": model.version}
    if call.outputs:
        body["outputs"] = answer.outputs
    if answer.warnings:
        body["warnings"] = answer.warnings
    return body


def encode_text(model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    predictions = [
        {"text": completion.text, "finish_reason": completion.finish_reason, "usage": usage(completion)}
        for completion in answer.completions
    ]
    return Encoded(dump({"predictions": predictions, "model_name": model.name, "model_version": model.version}))


def encode_embedding(model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    return Encoded(dump({"predictions": answer.vectors, "model_name": model.name, "model_version": model.version}))


def encode_asked(model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    return Encoded(dump({"predictions": answer.values, "model_name": model.name, "model_version": model.version}))


def usage(completion: Any) -> dict[str, int]:
    prompt, completed = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completed, "total_tokens": prompt + completed}


def list_models(entries: Iterable[dict[str, Any]], refused: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The union of KServe's `models` and OpenAI's `data`; entries and refused are the Predictor's."""
    data = [
        {
            **openai_object(entry),
            **{key: entry[key] for key in ("kind", "capabilities", "version", "ready", "default")},
        }
        for entry in entries
    ]
    models = {"object": "list", "models": [each["id"] for each in data], "data": data}
    return models | ({"refused": refused} if refused else {})


def describe(entry: dict[str, Any]) -> dict[str, Any]:
    """The union of KServe's `name`, `ready`, TF Serving's `model_version_status` and OpenAI's object, and all else."""
    status = {"version": entry["version"], "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    return {**entry, **openai_object(entry), "model_version_status": [status]}


def openai_object(entry: dict[str, Any]) -> dict[str, Any]:
    """What OpenAI tells of a model."""
    created = int(datetime.fromisoformat(entry["created"]).timestamp())
    return {"id": entry["name"], "object": "model", "created": created, "owned_by": "daylight"}


def error_body(body: dict[str, Any], _outcome: Outcome) -> dict[str, Any]:
    """V1's `error` is a string; code, details and request_id stand beside it."""
    fault = dict(body["error"])
    return {"error": fault.pop("message"), **fault}


ADAPTERS = {
    PREDICT_TABLE: Adapter(decode_table, encode_table, media_types=TABLES, answers=ANSWERS),
    GENERATE_TEXT: Adapter(decode_text, encode_text, answers=(JSON,)),
    EMBED_TEXT: Adapter(decode_embedding, encode_embedding, answers=(JSON,)),
    CLASSIFY_IMAGE: Adapter(decode_images, encode_asked, media_types=images.MEDIA_TYPES, answers=(JSON,)),
    RUN_TENSORS: Adapter(
        decode_tensors, encode_tensors, media_types=(table_formats.NPY,), answers=(JSON, table_formats.NPY)
    ),
    **{each: Adapter(partial(decode_asked, asked), encode_asked, answers=(JSON,)) for each, asked in ASKED.items()},
}
