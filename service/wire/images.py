"""Images in bodies: the bytes of one, files of a form, or base64 in JSON; and what each image gets.

    from_body(request)                                  # of image/* and multipart/form-data: [b"\\xff\\xd8..."]
    from_values([{"b64": "iVBORw0..."}, "iVBORw0..."])   # of JSON: [b"\\x89PNG...", b"\\x89PNG..."]
    call_of(images, {"top_k": 3})                       # a ClassifyImageCall

{"b64": ...} is how TensorFlow Serving writes bytes in JSON: https://www.tensorflow.org/tfx/serving/api_rest#encoding_binary_values.
What is no base64 stays in the list as an Unread, so that the model names it with all images that it cannot read.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from ..capabilities import ClassifyImageCall, Unread
from ..errors import RequestError
from ..generation.limits import number
from .adapter import Request
from .envelope import options_of
from .multipart import FORM, files

__all__ = [
    "FORM",
    "LABELS",
    "MEDIA_TYPES",
    "OPTIONS",
    "OUTPUTS",
    "call_of",
    "from_body",
    "from_text",
    "from_values",
    "options_in",
]

IMAGES = ("image/jpeg", "image/png", "image/webp")
MEDIA_TYPES = (*IMAGES, FORM)
OPTIONS = {"top_k": number(1, whole=True)}
OUTPUTS = ("label", "scores")  # of V2
LABELS: dict[str, Any] = {
    "type": "array",
    "description": "the most probable labels, the best first",
    "items": {
        "type": "object",
        "properties": {"label": {"type": "string"}, "score": {"type": "number"}},
        "required": ["label", "score"],
    },
}
BASE64 = 'the bytes of an image in base64, bare or as {"b64": "..."}'
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
DATA = re.compile(r"data:[\w/+.-]*;base64,")
SHOWN = 60  # characters of what is refused
MOST_OPTIONS = 20  # in a query

Image = bytes | Unread


def call_of(images: Sequence[Image], parameters: dict[str, Any]) -> ClassifyImageCall:
    """Raises InvalidParameters for other options than OPTIONS."""
    return ClassifyImageCall(images, **options_of(parameters, (), OPTIONS))


def from_body(request: Request) -> list[Image]:
    """The image of a body that is one, or the files of a form in their order. Raises RequestError."""
    if request.media_type != FORM:
        return [request.content]
    return [*files(request.content, request.content_type, request.max_rows)]


def options_in(query: str) -> dict[str, Any]:
    """The options of a body that has no place for them, from the URL's query. Raises RequestError."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_OPTIONS)
    except ValueError:
        raise RequestError(f"the query has more than {MOST_OPTIONS} parameters") from None
    return {name: int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text for name, text in pairs}


def from_values(values: Sequence[Any]) -> list[Image]:
    """The images of JSON values: base64, bare or the only member of an object or of a list, as TensorFlow Serving and
    MLflow have it."""
    return [from_text(only(value)) for value in values]


def only(value: Any) -> Any:
    """What objects and lists of one member hold."""
    while isinstance(value, dict | list) and len(value) == 1:
        (value,) = value.values() if isinstance(value, dict) else value
    return value


def from_text(text: Any) -> Image:
    """The bytes that a text of base64 stands for; lines of it, and a data URL, are taken as well."""
    if not isinstance(text, str):
        return Unread(BASE64, "none")
    if ADDRESS.match(text):
        return Unread(f"{BASE64}; nothing is fetched from an address", f"{text[:SHOWN]!r}")
    try:
        return b64decode("".join(text[(found.end() if (found := DATA.match(text)) else 0) :].split()), validate=True)
    except (binascii.Error, ValueError):  # ValueError: a character beyond ASCII
        return Unread(BASE64, f"{text[:SHOWN]!r}")
