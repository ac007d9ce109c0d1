"""Files of a form: the body that a browser sends for <input type="file">, and curl for -F.

    files(body, "multipart/form-data; boundary=x", most=100)    # [b"...", b"..."]

Source: RFC 7578. The parts are read by werkzeug's decoder, which knows no I/O; all of the body is here already.
"""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from ..errors import PayloadTooLarge, RequestError

__all__ = ["FORM", "files"]

FORM = "multipart/form-data"
LONGEST_BOUNDARY = 70  # RFC 2046


def files(body: bytes, content_type: str, most: int) -> list[bytes]:
    """The contents of the files, in their order; their names and types say nothing of what is in them.

    Raises RequestError for a broken form, one without files or with other fields, PayloadTooLarge for more than `most`.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii():
        raise RequestError(f"the body is announced as {FORM} without the boundary of its parts")
    try:
        found, fields = parts(body, boundary.encode(), most)
    except (ValueError, HTTPException) as error:
        raise RequestError(f"the body is no {FORM} of this boundary: {error}") from None
    if fields:
        named = ", ".join(f"{name!r:.60}" for name in fields[:5])
        raise RequestError(f"the form has fields without a file: {named}; options stand in the URL (?top_k=3)")
    if not found:
        raise RequestError("the form has no file")
    return found


def parts(body: bytes, boundary: bytes, most: int) -> tuple[list[bytes], list[str]]:
    """(the contents of the files, the names of other fields). Raises as `files`, and what the decoder raises."""
    decoder = MultipartDecoder(boundary)
    decoder.receive_data(body)
    decoder.receive_data(None)
    found: list[list[bytes]] = []
    fields: list[str] = []
    inside = False  # a file
    while True:
        event: Any = decoder.next_event()
        if isinstance(event, Epilogue | NeedData):
            return [b"".join(pieces) for pieces in found], fields
        if isinstance(event, File):
            found.append([])
            inside = True
        elif isinstance(event, Field):
            fields.append(event.name)
            inside = False
        elif isinstance(event, Data) and inside:
            found[-1].append(event.data)
        if len(found) + len(fields) > most:
            raise PayloadTooLarge(f"the form has more than {most} parts, the most taken")
