"""JSON bodies whose lists of numbers become arrays at once, without a Python object for each number.

    parse_arrays(b'{"inputs": [[1, 2], [3, 4]]}', {"inputs"}, 100)      # {"inputs": array([[1., 2.], [3., 4.]])}
    parse_arrays(b'{"inputs": [[1, null]]}', {"inputs"}, 100)           # None: json_body.parse is to read it

simdjson parses, and copies the numbers of a list into one buffer. Whatever is not a small envelope around numbers is
None here, broken JSON included: json_body.parse reads it anew, and says what is wrong with it. What is taken has the
same value, but numbers of 2**53 and more may have been rounded: whoever uses the arrays refuses them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from simdjson import Array, Object, Parser

from .json_limits import check_containers, count_of

__all__ = ["parse_arrays"]

MOST_MEMBERS = 1_000  # of an object: the library finds a member by asking all before it
MOST_VALUES = 20_000  # of an envelope, an array being one: there may be a tensor for each column


class Unusual(Exception):
    """The body is not an envelope around numbers."""


def parse_arrays(body: bytes, holders: Collection[str], max_rows: int) -> Any:
    """The body's JSON value; None where it has to be read carefully.

    holders: keys. Below them, lists of numbers, and lists of equally long ones, are float64 [n] or [n, k]; all else is
    as json_body.parse gives it; a list of anything else there is unusual. max_rows: as there. Raises PayloadTooLarge.
    """
    check_containers(body, max_rows)
    try:
        return Envelope(holders).value(body)
    except (Unusual, ValueError, TypeError, RuntimeError, RecursionError, MemoryError):
        return None


class Envelope:
    """One body, while it is read. Counts what it reads: whatever else stands in the body shows in these counts."""

    def __init__(self, holders: Collection[str]) -> None:
        self.holders = holders
        self.left = MOST_VALUES
        self.keys = self.lists = 0

    def value(self, body: bytes) -> Any:
        if b"\\" in body:  # the library looks keys up as C's texts, which a NUL ends
            raise Unusual
        value = self.plain(Parser().parse(body), holds=False)
        # A key that came twice, and a list within a list of numbers, is one mark too many.
        if count_of(body, b":") != self.keys or count_of(body, b"[") != self.lists:
            raise Unusual
        return value

    def plain(self, element: Any, *, holds: bool) -> Any:
        """holds: whether it is below one of the holders."""
        kind = type(element)
        if kind is Object:
            self.count(len(element), MOST_MEMBERS)
            members = {key: self.plain(element[key], holds=holds or key in self.holders) for key in element}
            self.keys += len(members)
            return members
        if kind is not Array:
            return element
        self.lists += 1
        if holds and len(element):
            return self.array(element, element[0])
        self.count(len(element))
        return [self.plain(member, holds=holds) for member in element]

    def array(self, element: Any, first: Any) -> np.ndarray:
        numbers = np.frombuffer(element.as_buffer(of_type="d"), np.float64)
        if type(first) is not Array:
            return numbers
        rows, width = len(element), len(first)
        self.lists += rows
        if set(map(len, element)) != {width} or len(numbers) != rows * width:
            raise Unusual
        return numbers.reshape(rows, width)

    def count(self, values: int, most: int = MOST_VALUES) -> None:
        self.left -= values
        if self.left < 0 or values > most:
            raise Unusual
