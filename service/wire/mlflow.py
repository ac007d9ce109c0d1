"""MLflow's scoring protocol: one of four forms of table, and what clients of its server expect back.

    {"dataframe_split": {"columns": ["age"], "data": [[31], [44]]}}  ->  {"predictions": ["yes", "no"]}

Protocol: https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ (`dataframe_split`, `dataframe_records`,
`instances`, `inputs`; `params`). For tables `params` may hold `outputs` and `top_k`, for texts sampling parameters.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..capabilities import (
    CLASSIFY_IMAGE,
    EMBED_TEXT,
    GENERATE_TEXT,
    PREDICT_TABLE,
    RUN_TENSORS,
    EmbedCall,
    TableCall,
    TextCall,
)
from ..errors import RequestError
from . import images, table_formats
from .adapter import Adapter, Decoded, Encoded, Request
from .embedding_options import options
from .json_body import JSON, dump
from .json_limits import check_keys
from .outcomes import Outcome
from .output_options import from_values
from .quick_tables import number_lists, typed_rows
from .table_formats.parts import check_names, check_rows, fault, refuse
from .tensor_calls import by_row, call_of, whole
from .text_calls import ASKED, Asked

__all__ = ["ADAPTERS", "NAME", "PREFIX", "VERSION", "error_body"]

NAME = "mlflow"
PREFIX = "/endpoints/"
VERSION = "3.17.2"  # the release whose protocol this is, and whose clients the tests drive
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
HOLDERS = ("data", "instances", "inputs", "dataframe_records")  # keys below which cells are


def envelope(value: Any, max_rows: int) -> tuple[Any, dict[str, Any], list[str]]:
    """A body's JSON value -> (rows or an object of columns, params, a sentence for each key without a meaning).

    Raises RequestError, InvalidInstances or PayloadTooLarge.
    """
    if not isinstance(value, dict):
        raise RequestError(f"send an object with one of {', '.join(FORMS)}")
    check_keys(value)
    forms = [form for form in FORMS if form in value]
    if len(forms) != 1:
        raise RequestError(f"exactly one of {', '.join(FORMS)} is expected, got {', '.join(forms) or 'none of them'}")
    (form,) = forms
    params = value.get("params")
    if not isinstance(params, dict | None):
        raise RequestError("params: expected an object")
    check_keys(params or {})
    ignored = [f"key {key[:80]!r} means nothing here and was ignored" for key in value if key not in (form, "params")]
    instances = split(value[form], max_rows) if form == "dataframe_split" else value[form]
    if form == "dataframe_records" and not isinstance(instances, list):
        raise RequestError("dataframe_records: expected a list of objects")
    return instances, params or {}, ignored[:10]


def decode_table(request: Request, model: Any) -> Decoded:
    """JSON in one of FORMS, or CSV -> a TableCall. Raises RequestError kinds."""
    if request.media_type != JSON:
        instances, warnings = table_formats.read(request, model)
        return Decoded(TableCall(instances, warnings=warnings), note=[])
    call = typed_rows(request, model, "dataframe_records")
    if call is not None:
        return Decoded(call, note=[])
    found = number_lists(request, model, HOLDERS, lambda value: table_call(value, request.max_rows))
    return found or table_call(request.json, request.max_rows)


def table_call(value: Any, max_rows: int) -> Decoded:
    """A body's JSON value -> a TableCall. Raises as `envelope`, or InvalidParameters."""
    instances, params, ignored = envelope(value, max_rows)
    return Decoded(TableCall(instances, *from_values(params)), note=ignored)


def decode_text(request: Request, _model: Any) -> Decoded:
    """JSON in one of FORMS, of texts -> a TextCall. Raises RequestError kinds."""
    instances, params, ignored = envelope(request.json, request.max_rows)
    return Decoded(TextCall(prompts(instances, request.max_rows), params), note=ignored)


def decode_embedding(request: Request, _model: Any) -> Decoded:
    """JSON in one of FORMS, of texts -> an EmbedCall. Raises RequestError kinds."""
    instances, params, ignored = envelope(request.json, request.max_rows)
    call = EmbedCall(prompts(instances, request.max_rows), **options(params))
    return Decoded(call, note=ignored, names={"input": "instances"})


def decode_asked(asked: Asked, request: Request, _model: Any) -> Decoded:
    """JSON in one of FORMS, of texts -> a call for something else of them. Raises RequestError kinds."""
    instances, params, ignored = envelope(request.json, request.max_rows)
    return Decoded(asked.call(prompts(instances, request.max_rows), params), note=ignored, names={"texts": "instances"})


def decode_images(request: Request, _model: Any) -> Decoded:
    """An image, files of a form, or base64 in one of FORMS -> a ClassifyImageCall. Raises RequestError kinds."""
    if request.media_type != JSON:
        call = images.call_of(images.from_body(request), images.options_in(request.query))
        return Decoded(call, note=[])
    instances, params, ignored = envelope(request.json, request.max_rows)
    found = images.from_values(cells(instances, request.max_rows, "images in base64"))
    return Decoded(images.call_of(found, params), note=ignored)


def decode_tensors(request: Request, _model: Any) -> Decoded:
    """JSON with `inputs` or `instances` -> a TensorCall. Raises RequestError kinds."""
    value = request.json
    frames = [form for form in FORMS if form.startswith("dataframe") and isinstance(value, dict) and form in value]
    if frames:
        raise RequestError(f"{frames[0]} holds a table, and a network takes tensors: send inputs or instances")
    instances, params, ignored = envelope(value, request.max_rows)
    outputs, _ = from_values(params)
    return Decoded(call_of("instances" if "instances" in value else "inputs", instances, outputs), note=ignored)


def split(value: Any, max_rows: int) -> Any:
    """{"columns", "data", "index"}, as `DataFrame.to_dict(orient="split")` gives it -> an object of columns.

    Without `columns` the rows are in the order the model was fitted on. `index` says nothing about the rows.
    """
    if not isinstance(value, dict) or not isinstance(value.get("data"), list | np.ndarray):
        raise RequestError("dataframe_split: expected an object with a list of rows as data")
    rows, columns = value["data"], value.get("columns")
    check_rows(len(rows), max_rows)
    if columns is None or not len(rows):
        return rows
    if not isinstance(columns, list) or not all(isinstance(name, str | int | float) for name in columns):
        raise RequestError("dataframe_split: expected a list of names as columns")
    names = list(map(str, columns))
    check_names(names)
    if isinstance(rows, np.ndarray) and rows.shape[1:] == (len(names),):
        return dict(zip(names, rows.T, strict=True))
    if set(map(type, rows)) != {list} or set(map(len, rows)) != {len(names)}:
        expected = f"a list of {len(names)} values, one a column"
        got = ((row, f"{len(cells)} values" if type(cells) is list else "no list") for row, cells in enumerate(rows))
        refuse([fault(expected, one, row=row) for row, one in got if one != f"{len(names)} values"])
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def prompts(instances: Any, max_rows: int) -> list[str]:
    """The texts of a call for a text model: one text, a list of them, or a table of one column."""
    texts = [text_of(instance) for instance in cells(instances, max_rows)]
    refuse([fault("a text", "none", row=row) for row, text in enumerate(texts) if text is None])
    return [text for text in texts if text is not None]


def cells(instances: Any, max_rows: int, noun: str = "texts") -> list[Any]:
    """The rows of one text, of a list of them, or of a table of one column. Raises RequestError or PayloadTooLarge."""
    if isinstance(instances, str):
        return [instances]
    if isinstance(instances, dict) and len(instances) == 1:
        (instances,) = instances.values()
        instances = [instances] if isinstance(instances, str) else instances
    if not isinstance(instances, list) or not instances:
        raise RequestError(f"send {noun}: a list of strings, or a table of one column")
    check_rows(len(instances), max_rows)
    return instances


def text_of(instance: Any) -> str | None:
    """The text of one row: bare, or the only cell of a row; None where there is no text."""
    while isinstance(instance, dict | list) and len(instance) == 1:
        (instance,) = instance.values() if isinstance(instance, dict) else instance
    return instance if isinstance(instance, str) else None


def encode_table(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TabularAnswer -> `predictions`: a value a row, or an object a row where several outputs were asked for."""
    names, columns = list(answer.outputs), list(answer.outputs.values())
    objects = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)] if len(names) > 1 else None
    return encoded(objects or answer.predictions, [*answer.warnings, *decoded.note])


def encode_text(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    return encoded([completion.text for completion in answer.completions], decoded.note)


def encode_embedding(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    return encoded(list(answer.vectors), decoded.note)


def encode_asked(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    return encoded(answer.values, decoded.note)


def encode_tensors(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """`predictions`: a row for each of `instances`; of `inputs` the output as it is, or all of them by name."""
    return encoded((by_row if decoded.call.by_row else whole)(answer.outputs), decoded.note)


def encoded(predictions: Any, warnings: list[str]) -> Encoded:
    return Encoded(dump({"predictions": predictions} | ({"warnings": warnings} if warnings else {})))


def error_body(body: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """MLflow's `error_code` and `message`; details and request_id stand beside them."""
    fault = dict(body["error"])
    del fault["code"]
    return {"error_code": outcome.code, "message": fault.pop("message"), **fault}


ADAPTERS = {
    PREDICT_TABLE: Adapter(decode_table, encode_table, media_types=(table_formats.CSV,)),
    GENERATE_TEXT: Adapter(decode_text, encode_text),
    EMBED_TEXT: Adapter(decode_embedding, encode_embedding),
    CLASSIFY_IMAGE: Adapter(decode_images, encode_asked, media_types=images.MEDIA_TYPES),
    RUN_TENSORS: Adapter(decode_tensors, encode_tensors),
    **{capability: Adapter(partial(decode_asked, asked), encode_asked) for capability, asked in ASKED.items()},
}
