"""The body of a request: read whole, bounded, decompressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import PayloadTooLarge, RequestError
from ..wire.compression import expand

__all__ = ["decoded", "read_body"]


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """The request's bytes, decompressed: at most `limit` bytes, however the body is framed.

    Raises PayloadTooLarge, or RequestError where the body breaks off.
    """
    header = environ.get("CONTENT_LENGTH", "")
    length = int(header) if header.isdecimal() and header.isascii() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""  # without a length, only a server that ends the stream itself says where to stop
    if length is None or length <= limit:
        try:
            body = environ["wsgi.input"].read(limit + 1 if length is None else length)
        except Exception as error:  # broken chunks, a broken connection: each server raises its own exceptions
            raise RequestError(f"the body could not be read to its end: {type(error).__name__}") from error
        if len(body) <= limit:
            return decoded(body, environ, limit)
    raise PayloadTooLarge(f"the body is larger than {limit} bytes, the most taken")


def decoded(body: bytes, environ: Mapping[str, Any], limit: int) -> bytes:
    """A body that has been read, decompressed as Content-Encoding says."""
    coding = environ.get("HTTP_CONTENT_ENCODING")
    return expand(body, coding, limit) if coding else body
