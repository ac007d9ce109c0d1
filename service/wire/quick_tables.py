"""The quick ways from a body of JSON to a table of numbers, which dialects try before they parse it with care.

    typed_rows(request, model, "instances") or number_lists(request, model, {"inputs"}, decode) or decode(request.json)

Rows are decoded by the model's own contract (plan.read_json), and lists of numbers become arrays at once
(json_arrays.py). Both give the very table that the careful way gives, or None: then the careful way decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from ..capabilities import TableCall
from ..errors import ServiceError
from .adapter import Decoded, Request
from .json_arrays import parse_arrays
from .json_limits import check_containers

__all__ = ["number_lists", "typed_rows"]

START = 200  # bytes in which the first row begins
TINY = 512  # bytes: a row or two as lists, which are parsed with care in less time than arrays are made
SMALL = 2048  # bytes: in a smaller body the contract's decoder takes lists as quickly


def typed_rows(request: Request, model: Any, key: str) -> TableCall | None:
    """The rows under this key, as objects or as a few short lists. Raises PayloadTooLarge."""
    body = request.content
    if not model.plan.reads_numbers or not (len(body) <= SMALL or begins_with_object(body)):
        return None
    check_containers(body, request.max_rows)
    found = model.plan.read_json(body, key)
    return None if found is None else TableCall(found[0], **found[1])


def number_lists(
    request: Request, model: Any, holders: Collection[str], decode: Callable[[Any], Decoded]
) -> Decoded | None:
    """What `decode` makes of the body's value, whose lists of numbers below these keys are arrays.

    decode: as of all values; what it raises for an array, the careful way decides anew. Raises PayloadTooLarge.
    """
    if not model.plan.reads_numbers or len(request.content) <= TINY:
        return None
    value = parse_arrays(request.content, holders, request.max_rows)
    if value is None:
        return None
    try:
        decoded = decode(value)
    except ServiceError:  # the careful way says what is wrong, and shows it as it was written
        return None
    table = model.plan.read_arrays(decoded.call.instances)
    return None if table is None else decoded._replace(call=replace(decoded.call, instances=table))


def begins_with_object(body: bytes) -> bool:
    """Whether the first list of the body begins with an object: then its rows are most likely such."""
    start = body.find(b"[", 0, START) + 1
    return body[start : start + 16].lstrip().startswith(b"{")
