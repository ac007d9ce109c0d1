"""How much a request of V2 may hold: known from its shapes, before a tensor is made.

Limits(rows=100, columns=4).check([3, 4])      # nothing; PayloadTooLarge for [101, 4]
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...errors import PayloadTooLarge
from ..table_formats.parts import check_rows

__all__ = ["Limits", "check_count"]

MOST_TENSORS = 100_000  # more than any model has columns


class Limits(NamedTuple):
    """Of one tensor: its rows, and its columns where it is the whole table.

    octets: whether an element of BYTES is bytes, such as those of an image, and no text.
    """

    rows: int
    columns: int
    octets: bool = False

    def check(self, shape: list[int]) -> None:
        """Raise PayloadTooLarge where a tensor of this shape holds more than any table that is taken."""
        check_rows(shape[0], self.rows)
        if (elements := math.prod(shape)) > self.rows * self.columns:
            most = f"{self.rows} rows of {self.columns}"
            raise PayloadTooLarge(f"{elements} elements in one tensor; at most {most} are taken")


def check_count(entries: list[Any]) -> None:
    """Raise PayloadTooLarge where a request names more tensors, or outputs, than any model has."""
    if len(entries) > MOST_TENSORS:
        raise PayloadTooLarge(f"{len(entries)} tensors in one request; at most {MOST_TENSORS} are taken")
