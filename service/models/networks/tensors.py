"""One input of a network, and how plain numbers or arrays become the array that it takes.

    image = TensorSpec("image", "float32", ("batch", 3, 8, 8))
    array = as_array([[1, 2.5]], "float32", 2)      # float32 [1, 2]; Unfit says what is wrong, and where

Nothing changes in silence: a number that the type cannot hold is refused, a float is only rounded to its precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

__all__ = ["DTYPES", "Shape", "TensorSpec", "Unfit", "as_array", "shown_shape"]

DTYPES = (
    "bool",
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
Shape = tuple[int | str, ...]


class Unfit(Exception):
    """A tensor that an input cannot take. expected, got: what a caller is told."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got


@dataclass(frozen=True)
class TensorSpec:
    """dtype: numpy's name, one of DTYPES. shape: of each dimension its size, or the name of one that may vary, which
    is the same size wherever it stands. minimum: the least whole number that is taken, None: any.
    """

    name: str
    dtype: str
    shape: Shape
    minimum: int | None = None

    @classmethod
    def from_json(cls, name: str, entry: Mapping[str, Any]) -> TensorSpec:
        return cls(name, entry["dtype"], tuple(entry["shape"]), entry.get("minimum"))

    def to_json(self) -> dict[str, Any]:
        least = {} if self.minimum is None else {"minimum": self.minimum}
        return {"dtype": self.dtype, "shape": list(self.shape), **least}


def shown_shape(shape: Any) -> str:
    return f"[{', '.join(map(str, shape))}]"


def as_array(value: Any, dtype: str, rank: int) -> np.ndarray:
    """An ndarray, or numbers or truth values in lists `rank` deep -> a C-contiguous ndarray of the dtype.

    Raises Unfit.
    """
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(of_array(value, np.dtype(dtype))).reshape(value.shape)
    shape, cells = flat(value, rank)
    return of_cells(cells, shape, np.dtype(dtype)).reshape(shape)


def flat(value: Any, rank: int) -> tuple[tuple[int, ...], list[Any]]:
    """(the shape of lists in lists, their cells in row-major order). Raises Unfit where they are no such tensor."""
    shape: tuple[int, ...] = ()
    cells = [value]
    for depth in range(rank):
        for place, each in enumerate(cells):
            if type(each) is not list:
                raise Unfit(f"lists {rank} deep", f"{kind_of(each)}{at(place, shape)}")
        lengths = set(map(len, cells))
        if len(lengths) > 1:
            raise Unfit(
                "lists of equal lengths", f"lengths {', '.join(map(str, sorted(lengths)[:4]))} at depth {depth}"
            )
        shape = (*shape, *(lengths or {0}))
        cells = list(chain.from_iterable(cells))
    return shape, cells


def at(place: int, shape: tuple[int, ...]) -> str:
    """Where the element with this row-major place stands, as indices."""
    if not shape:
        return ""
    return " at " + "".join(f"[{index}]" for index in np.unravel_index(place, shape))


def kind_of(cell: Any) -> str:
    if isinstance(cell, list):
        return "a list"
    if cell is None:
        return "null"
    return f"{cell!r:.40}".lower() if isinstance(cell, bool) else f"{cell!r:.40}"


def of_cells(cells: list[Any], shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """JSON's cells, flat -> an array of the dtype. Raises Unfit naming the first cell that it cannot hold."""
    types = {bool} if dtype.kind == "b" else {int} if dtype.kind in "iu" else {int, float}
    if set(map(type, cells)) <= types:
        try:
            array = np.array(cells, np.float64 if dtype.kind == "f" else dtype)
            if dtype.kind != "f":
                return array
            with np.errstate(over="ignore"):
                rounded = array.astype(dtype)
            if np.isfinite(rounded).all():
                return rounded
        except OverflowError:
            pass
    place = next(place for place, cell in enumerate(cells) if not holds(dtype, cell))
    raise Unfit(expected_of(dtype), f"{kind_of(cells[place])}{at(place, shape)}")


def holds(dtype: np.dtype[Any], cell: Any) -> bool:
    """Whether a dtype holds one of JSON's values."""
    if dtype.kind == "b":
        return type(cell) is bool
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return type(cell) is int and int(limits.min) <= cell <= int(limits.max)
    if type(cell) not in (int, float):
        return False
    try:
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.float64(cell).astype(dtype)))
    except OverflowError:
        return False


def expected_of(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "b":
        return "true or false"
    return f"whole numbers of {dtype}" if dtype.kind in "iu" else f"numbers of {dtype}"


def of_array(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """An array in another dtype, NaN and infinities as they are. Raises Unfit where a value would change."""
    if array.dtype == dtype:
        return array
    kinds = (array.dtype.kind, dtype.kind)
    if kinds == ("f", "f"):
        with np.errstate(over="ignore"):
            rounded = array.astype(dtype)
        if dtype.itemsize < array.dtype.itemsize and (np.isinf(rounded) & np.isfinite(array)).any():
            raise Unfit(expected_of(dtype), f"a number beyond them in {array.dtype}")
        return rounded
    if kinds[0] in "iu" and kinds[1] in "iuf":
        with np.errstate(over="ignore"):
            cast = array.astype(dtype)
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        fits = (
            not array.size or (int(limits.min) <= int(array.min()) and int(array.max()) <= int(limits.max))
            if limits
            else bool((cast.astype(np.float64) == array.astype(np.float64)).all())
        )
        if fits:
            return cast
        raise Unfit(expected_of(dtype), f"a number of {array.dtype} that it has not")
    raise Unfit(expected_of(dtype), f"an array of {array.dtype}")
