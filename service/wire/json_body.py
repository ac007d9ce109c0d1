"""Bodies of JSON: bytes -> plain values, and back; every fault in the caller's words."""

import json
import re

import orjson

from ..errors import RequestError, UnsupportedMediaType

__all__ = ["JSON", "check_media_type", "dump", "parse"]

JSON = "application/json"

CHARSET = re.compile(r"charset=\"?([^;\" ]*)")
UTF8 = ("utf-8", "utf8", "us-ascii", "ascii")

# curl -d sends this type unless told otherwise; the body is what counts.
TAKEN = (JSON, "application/x-www-form-urlencoded")


def check_media_type(content_type, others=()):
    """What a body is announced as: JSON, or one of the media types `others`; JSON where nothing is announced.

    Raises UnsupportedMediaType.
    """
    if content_type == JSON or not content_type:
        return JSON
    media_type, _, parameters = content_type.lower().partition(";")
    media_type = media_type.strip()
    if media_type in TAKEN or media_type.endswith("+json"):
        return JSON
    if media_type not in others:
        raise UnsupportedMediaType(f"the body is announced as {media_type}; send {', '.join((JSON, *others))}")
    charset = CHARSET.search(parameters)
    if charset and charset[1] not in UTF8:
        raise UnsupportedMediaType(f"the body is announced as {charset[1]}; send {media_type} in UTF-8")
    return media_type


def parse(body):
    """Bytes -> the JSON value. Raises RequestError saying where it is broken."""
    if not body.strip():
        raise RequestError("the body is empty; send JSON")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return parse_lenient(body, error)


def parse_lenient(body, error):
    """Some clients write NaN and Infinity bare, or numbers beyond every float, and the cell they stand in
    is to be named; anything else is broken."""
    if b"NaN" in body or b"Infinity" in body or "infinity" in str(error):
        try:
            value = json.loads(body)
            # Half of a surrogate pair is no text: no answer could repeat it, and the strict parser refuses it too.
            json.dumps(value, ensure_ascii=False).encode()
            return value
        except (ValueError, RecursionError):
            pass
    raise RequestError(f"the body is not JSON: {error}") from None


def dump(value):
    """A JSON-ready value -> bytes. NaN and infinities become null; numpy scalars are taken."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
