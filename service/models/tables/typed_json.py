"""Rows of JSON decoded by the contract itself: types, ranges, missing and unknown columns are checked while parsing.

    rows = TypedJson(plan.columns)
    rows.read(b'{"instances": [{"a": 1, "b": 2.5}]}', "instances").array      # array([[1. , 2.5]])
    rows.read(b'{"instances": [{"a": 1, "b": "x"}]}', "instances")            # None

msgspec compiles the contract to a decoder in C. Whatever it refuses, for whatever reason, is None here: the column plan
reads it anew, and alone decides what is wrong with it. What is taken is exactly what the column plan takes, and becomes
the same array: tests/models/tables/test_typed_json.py compares them.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any, NamedTuple

import numpy as np
from msgspec import UNSET, DecodeError, Meta, UnsetType, defstruct
from msgspec.json import Decoder
from msgspec.structs import astuple

from .column import Column
from .column_types import EXACT, whole_range

__all__ = ["TypedBody", "TypedJson"]

# Keys under which dialects have rows -> the options that may stand beside them.
OPTIONS: dict[str, dict[str, Any]] = {
    "instances": {
        "outputs": Annotated[list[str], Meta(min_length=1, max_length=100)] | UnsetType,
        "top_k": Annotated[int, Meta(ge=1, le=2**31)] | UnsetType,
    },
    "dataframe_records": {},
}
START = 200  # bytes in which the first row begins
SMALL = 2048  # bytes: up to here bytes.count is quicker than numpy
COLON = ord(":")
UNFIT = re.compile(r'[":\\\x00-\x1f]')


class TypedBody(NamedTuple):
    """array: float64 [rows, columns], NaN for null. holes: whether there is any. options: {"outputs": [...],
    "top_k": 2}, those that are there.
    """

    array: np.ndarray
    holes: bool
    options: dict[str, Any]


class TypedJson:
    """A decoder for bodies of {"instances": rows, "outputs": ["predict"]} and {"dataframe_records": rows}.

    The rows are all objects or all lists, of columns of numbers.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.width = len(columns)
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
        self.named: Any = {key: body_decoder(key, named, strict) for key in OPTIONS}
        self.listed: Any = {key: body_decoder(key, listed, strict) for key in OPTIONS}
        self.pack = struct.Struct(f"{self.width}d").pack

    @staticmethod
    def fits(columns: Sequence[Column]) -> bool:
        """Whether such a decoder can be made of the names: msgspec takes none that JSON escapes.

        And each colon of a body has to stand behind a key.
        """
        return not any(UNFIT.search(column.name) for column in columns)

    def read(self, body: bytes, key: str) -> TypedBody | None:
        """The rows under a key of OPTIONS; None where the body has to be read carefully.

        A key that comes twice is not seen by the parser, which keeps the last value. But all columns are there, and
        no others, so each further key is one colon too many.
        """
        start = body.find(b"[", 0, START) + 1
        named = body[start : start + 16].lstrip().startswith(b"{")
        try:
            found = (self.named if named else self.listed)[key].decode(body)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            return None
        rows = found.rows
        options = {name: given for name in OPTIONS[key] if (given := getattr(found, name)) is not UNSET}
        if not rows or colons(body) != 1 + len(options) + (len(rows) * self.width if named else 0):
            return None
        cells, holes = self.cells(list(map(astuple, rows)) if named else rows)
        return TypedBody(cells.reshape(-1, self.width), holes, options)

    def cells(self, rows: list[tuple[Any, ...]]) -> tuple[np.ndarray, bool]:
        """float64 [rows * columns], and whether there is a NaN among them."""
        try:  # a bytearray, for models that change their input
            return np.frombuffer(bytearray(b"".join([self.pack(*row) for row in rows])), np.float64), False
        except struct.error:  # None is no number to pack, and packing takes half the time
            return np.array(list(chain.from_iterable(rows)), dtype=np.float64), True


def body_decoder(key: str, rows: Any, strict: dict[str, Any]) -> Decoder:
    """Of a body that has rows of this type under the key, and perhaps its options."""
    options = [(name, taken, UNSET) for name, taken in OPTIONS[key].items()]
    return Decoder(defstruct("Body", [("rows", rows), *options], rename={"rows": key}, **strict))


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
