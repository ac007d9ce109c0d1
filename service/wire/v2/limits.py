"""How much a request of V2 may hold: known from its shapes, before a tensor is made.

Limits(rows=100, columns=4).check([3, 4])      # nothing; PayloadTooLarge for [101, 4]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import PayloadTooLarge
from ..table_formats.parts import check_rows
from .tensors import read_json

__all__ = ["Limits", "check_count"]

MOST_TENSORS = 100_000  # more than any model has columns


class Limits(NamedTuple):
    """Of one tensor: its rows (None: any number), and how many elements each may have.

    octets: whether an element of BYTES is bytes, such as those of an image, and no text. dimensions: how many a shape
    may have. read: (datatype, shape, data) of JSON -> its cells.
    """

    rows: int | None
    columns: int
    octets: bool = False
    dimensions: range = range(1, 3)
    read: Callable[[str, tuple[int, ...], Any], Any] = read_json

    def check(self, shape: list[int]) -> None:
        """Raise PayloadTooLarge where a tensor of this shape holds more than any table that is taken."""
        if self.rows is not None:
            check_rows(shape[0], self.rows)
        if (elements := math.prod(shape)) > (self.rows or 1) * self.columns:
            most = self.columns if self.rows is None else f"{self.rows} rows of {self.columns}"
            raise PayloadTooLarge(f"{elements} elements in one tensor; at most {most} are taken")


def check_count(entries: list[Any]) -> None:
    """Raise PayloadTooLarge where a request names more tensors, or outputs, than any model has."""
    if len(entries) > MOST_TENSORS:
        raise PayloadTooLarge(f"{len(entries)} tensors in one request; at most {MOST_TENSORS} are taken")
