"""Rows of JSON decoded by the contract itself: types, ranges, missing and unknown columns are checked while parsing.

    rows = TypedJson(plan.columns)
    rows.read(b'{"instances": [{"a": 1, "b": 2.5}]}')       # array([[1. , 2.5]])
    rows.read(b'{"instances": [{"a": 1, "b": "x"}]}')       # None

msgspec compiles the contract to a decoder in C. Whatever it refuses, for whatever reason, is None here: the column plan
reads it anew, and alone decides what is wrong with it. What is taken is exactly what the column plan takes, and becomes
the same array: tests/models/tables/test_typed_json.py compares them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from msgspec import DecodeError, Meta, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from .column import Column
from .column_types import EXACT, whole_range

__all__ = ["TypedJson"]

START = 200  # bytes in which the first row begins
SMALL = 2048  # bytes: up to here bytes.count is quicker than numpy
COLON = ord(":")
UNFIT = re.compile(r'[":\\\x00-\x1f]')


class TypedJson:
    """A decoder for bodies of {"instances": rows}, rows all being objects or all lists, of columns of numbers."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.width = len(columns)
        self.nullable = any(column.nullable for column in columns)
        cells = [cell(column) for column in columns]
        fields = [f"c{place}" for place in range(self.width)]  # a column's name need be no identifier
        strict: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False, "eq": False}
        row = defstruct(
            "Row",
            list(zip(fields, cells, strict=True)),
            rename=dict(zip(fields, (column.name for column in columns), strict=True)),
            **strict,
        )
        named, listed = list[row], list[tuple[tuple(cells)]]  # type: ignore[valid-type, misc]
        self.named: Any = Decoder(defstruct("Named", [("instances", named)], **strict))
        self.listed: Any = Decoder(defstruct("Listed", [("instances", listed)], **strict))

    @staticmethod
    def fits(columns: Sequence[Column]) -> bool:
        """Whether such a decoder can be made of the names: msgspec takes none that JSON escapes.

        And each colon of a body has to stand behind a key.
        """
        return not any(UNFIT.search(column.name) for column in columns)

    def read(self, body: bytes) -> np.ndarray | None:
        """float64 [rows, columns], NaN for null; None where the body has to be read carefully.

        A key that comes twice is not seen by the parser, which keeps the last value. But all columns are there, and
        no others, so each further key is one colon too many.
        """
        start = body.find(b"[", 0, START) + 1
        try:
            if body[start : start + 16].lstrip().startswith(b"{"):
                rows = self.named.decode(body).instances
                keys, cells = 1 + len(rows) * self.width, chain.from_iterable(map(astuple, rows))
            else:
                rows = self.listed.decode(body).instances
                keys, cells = 1, chain.from_iterable(rows)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if not rows or colons(body) != keys:
            return None
        count = len(rows) * self.width
        if self.nullable:  # None is no number to fromiter
            return np.array(list(cells), dtype=np.float64).reshape(-1, self.width)
        return np.fromiter(cells, np.float64, count).reshape(-1, self.width)


def cell(column: Column) -> Any:
    """What msgspec is to take for a cell: whole numbers pass for floats, where a float holds them exactly."""
    bounds: dict[str, Any] = {"gt": -EXACT, "lt": EXACT}
    if column.kind == "integer":
        lowest, highest = whole_range(column.dtype)
        bounds = {"ge": max(lowest, 1 - EXACT), "le": min(highest, EXACT - 1), "multiple_of": 1.0}
    taken: Any = Annotated[float, Meta(**bounds)]
    return taken | None if column.nullable else taken


def colons(body: bytes) -> int:
    if len(body) <= SMALL:
        return body.count(b":")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == COLON))
