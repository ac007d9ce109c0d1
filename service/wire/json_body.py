"""JSON bodies: bytes -> plain values, and back.

parse(b'{"a": 1}', 100)     # {"a": 1}; RequestError says where the JSON is broken
dump({"a": 1})              # b'{"a":1}'
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from ..errors import RequestError, UnsupportedMediaType
from .duplicate_keys import check_duplicates
from .json_limits import check_containers
from .utf8 import text

__all__ = ["JSON", "check_media_type", "dump", "parse"]

JSON = "application/json"

CHARSET = re.compile(r"charset=\"?([^;\" ]*)")
UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")

# curl -d announces a form unless -H says otherwise, whatever the body is: it is read as JSON.
JSON_TYPES = (JSON, "application/x-www-form-urlencoded")


def check_media_type(content_type: str | None, others: tuple[str, ...] = ()) -> str:
    """The media type that Content-Type announces: JSON, or one of `others`; JSON without the header.

    Raises UnsupportedMediaType.
    """
    if content_type == JSON or not content_type:
        return JSON
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    if media_type in JSON_TYPES or media_type.endswith("+json"):
        return JSON
    if media_type not in others:
        raise UnsupportedMediaType(f"the body is announced as {media_type}; send {', '.join((JSON, *others))}")
    charset = CHARSET.search(parameters)
    if charset and charset[1] not in UTF8:
        raise UnsupportedMediaType(f"the body is announced as {charset[1]}; send {media_type} in UTF-8")
    return media_type


def parse(body: bytes, max_rows: int) -> Any:
    """Bytes -> the JSON value. max_rows: as many lists and objects, and SPARE more, are made at most.

    Raises RequestError that says where the JSON is broken or which key comes twice, or PayloadTooLarge before anything
    is made.
    """
    if not body.strip():
        raise RequestError("the body is empty; send JSON")
    check_containers(body, max_rows)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = parse_lenient(body, error)
    check_duplicates(body, value)
    return value


def parse_lenient(body: bytes, error: ValueError) -> Any:
    """Accept a byte order mark, bare NaN and Infinity, and numbers beyond every float: some clients write them.

    The numbers are refused later, where their cell can be named. Raises RequestError for all other broken JSON, and
    for bytes that are not UTF-8.
    """
    marked, body = body, text(body).encode()
    if len(body) < len(marked):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as fault:
            error = fault
    if b"NaN" in body or b"Infinity" in body or "infinity" in str(error):
        try:
            value = json.loads(body)
            # Half of a surrogate pair is not text: no answer could repeat it, and the strict parser refuses it, too.
            json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, RecursionError):
            pass
    raise RequestError(f"the body is not JSON: {error}") from None


def dump(value: Any) -> bytes:
    """A JSON-ready value -> bytes. NaN and infinities become null; numpy scalars are accepted."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
