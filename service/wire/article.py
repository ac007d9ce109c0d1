"""The contract of the article that Daylight comes from: one path for the default models.

    {"data": [{"mean radius": 17.99, ...}]}  ->  {"text": ["malignant"]}
    {"text": "Once upon a time"}             ->  {"Prediction": " there was ..."}
    {"text": "what a film"}                  ->  {"Prediction": "good"} a model of one text, where none writes any
    the bytes of an image                    ->  {"Prediction": "cat"}; files of a form -> {"text": ["cat", "dog"]}

A table is whatever `pandas.DataFrame(data)` takes: a list of records or of lists, an object of columns (lists, or
objects by index as `DataFrame.to_json()` writes them), and, kinder than pandas, one record alone. It comes bare or
under "data".
"""

from __future__ import annotations

from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from ..capabilities import CLASSIFY_IMAGE, GENERATE_TEXT, PREDICT_TABLE, Capability, TableCall, TextCall
from ..errors import RequestError
from . import images
from .adapter import Adapter, Decoded, Encoded, Request
from .json_body import JSON, dump
from .json_limits import check_keys
from .outcomes import Outcome
from .table_formats.parts import check_rows

__all__ = [
    "ADAPTERS",
    "MEDIA_TYPES",
    "NAME",
    "PREFIX",
    "TEMPERATURE",
    "capability_of",
    "error_body",
    "from_query",
    "text_as_row",
]

NAME = "daylight"
PREFIX = ""
MEDIA_TYPES = images.MEDIA_TYPES  # of bodies, besides JSON
TEMPERATURE = 0.6  # the article's
AS_TEXT = object()  # the note of a call whose row came as a text or an image, and whose answer is one


def capability_of(request: Request) -> Capability:
    """What the body asks for: what an image is, text where it holds a text, otherwise a table. Raises RequestError."""
    if request.media_type != JSON:
        return CLASSIFY_IMAGE
    value = request.json
    return GENERATE_TEXT if isinstance(value, dict) and isinstance(value.get("text"), str) else PREDICT_TABLE


def from_query(query: str) -> Decoded | None:
    """`text=...` of a URL's query -> Decoded; None where the query has no text."""
    text = text_of(query)
    return None if text is None else Decoded(text_call(text, {}))


def text_of(query: str) -> str | None:
    return next((value for name, value in parse_qsl(query, keep_blank_values=True) if name == "text"), None)


def text_as_row(request: Request, query: str | None) -> Decoded:
    """The text of a body, or of the query where there is no body, as it is: the one row of a model of one text."""
    text = request.json["text"] if request.content else text_of(query or "")
    return Decoded(TableCall([[text]]), note=AS_TEXT)


def decode_table(request: Request, _model: Any) -> Decoded:
    """Any form of table -> a TableCall. Raises RequestError or PayloadTooLarge."""
    value = request.json
    if isinstance(value, dict) and value.keys() == {"data"}:
        value = value["data"]
    return Decoded(TableCall(table(value, request.max_rows)))


def table(value: Any, max_rows: int) -> Any:
    """Any form of table -> a list of rows or an object of columns. Raises RequestError or PayloadTooLarge."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        raise RequestError('send a table (a list of records, or an object of columns) or {"text": "..."}')
    columns = value.values()
    if all(isinstance(column, dict) for column in columns):
        index = dict.fromkeys(chain.from_iterable(columns))
        check_rows(len(index), max_rows)
        rows: dict[str, dict[str, Any]] = {key: {} for key in index}
        for name, column in value.items():
            for key, cell in column.items():
                rows[key][name] = cell
        return list(rows.values())
    if any(isinstance(column, list) for column in columns):
        return value
    return [value]


def encode_table(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    if decoded.note is AS_TEXT:
        return Encoded(dump({"Prediction": answer.predictions[0]}))
    return Encoded(dump({"text": answer.predictions}))


def decode_text(request: Request, _model: Any) -> Decoded:
    """{"text": "...", sampling parameters} -> a TextCall."""
    value = request.json
    check_keys(value)
    return Decoded(text_call(value["text"], {key: item for key, item in value.items() if key != "text"}))


def text_call(text: str, parameters: dict[str, Any]) -> TextCall:
    """Lower-cased, without special tokens, and at the article's temperature, as in the article."""
    return TextCall([text.lower()], {"temperature": TEMPERATURE, **parameters}, special_tokens=False)


def encode_text(_model: Any, _request: Request, _decoded: Decoded, answer: Any) -> Encoded:
    (completion,) = answer.completions
    return Encoded(dump({"Prediction": completion.text}))


def decode_images(request: Request, _model: Any) -> Decoded:
    """An image, or files of a form -> a ClassifyImageCall. Raises RequestError."""
    several = request.media_type == images.FORM
    return Decoded(images.call_of(images.from_body(request), {}), note=None if several else AS_TEXT)


def encode_images(_model: Any, _request: Request, decoded: Decoded, answer: Any) -> Encoded:
    labels = answer.first
    return Encoded(dump({"Prediction": labels[0]} if decoded.note is AS_TEXT else {"text": labels}))


def error_body(body: dict[str, Any], _outcome: Outcome) -> dict[str, Any]:
    """Daylight's own form (errors.error_body), unchanged."""
    return body


ADAPTERS = {
    PREDICT_TABLE: Adapter(decode_table, encode_table),
    GENERATE_TEXT: Adapter(decode_text, encode_text),
    CLASSIFY_IMAGE: Adapter(decode_images, encode_images, media_types=images.MEDIA_TYPES),
}
