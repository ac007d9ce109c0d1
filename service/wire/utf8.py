"""The text of a body, which is UTF-8 with or without a byte order mark; any other encoding is named.

text(b"\\xef\\xbb\\xbfage")      # "age"
text(b"caf\\xe9")              # RequestError: the body is not UTF-8: byte 0xe9 at offset 3
"""

from __future__ import annotations

import json

from ..errors import RequestError

__all__ = ["text"]

MARK = "\N{BYTE ORDER MARK}"


def text(body: bytes) -> str:
    """Bytes -> their text, without a byte order mark. Raises RequestError with the first byte that is wrong."""
    encoding = json.detect_encoding(body)  # by a byte order mark, or by where NUL is among the first four bytes
    if not encoding.startswith("utf-8"):
        raise RequestError(f"the body is {encoding[:6].upper()}, by its first bytes; send UTF-8")
    try:
        return body.decode().removeprefix(MARK)
    except UnicodeDecodeError as error:
        place = f"byte 0x{body[error.start]:02x} at offset {error.start}"
        raise RequestError(f"the body is not UTF-8: {place}") from None
