"""Tensors of the Open Inference Protocol: JSON or raw bytes to arrays, and back.

    read_json("FP64", (2, 2), [1, 2, 3, None])            # array([[1., 2.], [3., nan]])
    read_binary("BYTES", (1,), b"\\x02\\x00\\x00\\x00ab")       # ["ab"]
    write([["yes"], ["no"]])                              # Tensor("BYTES", (2, 1), ["yes", "no"])

Raw tensors are little-endian and row-major; an element of BYTES is its length (uint32) and its bytes.
Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import math
import struct
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from ...errors import MAX_VIOLATIONS, RequestError

__all__ = ["DATATYPES", "Tensor", "mismatch", "read_binary", "read_json", "write"]

DATATYPES = {
    "BOOL": np.dtype("?"),
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
    "BYTES": None,
}
NUMBERS: set[type] = {int, float, type(None)}
TEXTS: set[type] = {str, type(None)}
JSON_TYPES: dict[str, set[type]] = {
    "FP64": NUMBERS,
    "INT64": {int},
    "BOOL": {bool},
    "BYTES": TEXTS,
}  # that JSON holds without a change
EXACT = 2.0**53  # from here on, some integers are not exactly a float64
LENGTH = struct.Struct("<I")

Shape = tuple[int, ...]


class Tensor(NamedTuple):
    """A tensor of an answer. `elements` is flat: an ndarray, or a list of str for BYTES."""

    datatype: str
    shape: tuple[int, ...]
    elements: Any

    def raw(self) -> bytes:
        """The elements as the bytes of the binary extension; a missing text becomes an empty one."""
        if self.datatype != "BYTES":
            return self.elements.tobytes()
        encoded = [(text or "").encode() for text in self.elements]
        return b"".join(chain.from_iterable((LENGTH.pack(len(text)), text) for text in encoded))


class Mismatch(str):
    """A cell that is not of its tensor's datatype. It is a valid cell of no column, so the plan names its place."""


UNNAMED = Mismatch("another type")


def read_json(datatype: str, shape: Shape, data: Any) -> Any:
    """`data`, flat or nested -> ndarray of the shape, null being NaN; or a list of cells, or of rows, as JSON has them.

    Numbers that the datatype cannot hold exactly are rounded where it is a float, else refused by the column plan.
    data: as json_body.parse gives it, or an array of what are numbers all. Raises RequestError where data is not of the
    shape, or where an array has a number that its datatype does not hold exactly, and which the list decides on.
    """
    if isinstance(data, np.ndarray):
        return all_numbers(datatype, tuple(shape), data)
    elements = flat(data, shape)
    if len(shape) == 1 and set(map(type, elements)) <= JSON_TYPES.get(datatype, set()):
        return elements  # an array of one column would only become the same list again
    cells = numbers(datatype, elements)
    if cells is None:
        cells = judged(datatype, elements)
    return shaped(cells, shape)


def all_numbers(datatype: str, shape: Shape, data: np.ndarray) -> np.ndarray:
    """float64 [elements], or of the very shape -> float64 of the shape, or less exact floats where the datatype is."""
    dtype = DATATYPES[datatype]
    if data.size != math.prod(shape) or (data.ndim > 1 and data.shape != shape):
        raise RequestError("data: expected as many elements as shape says")
    if dtype is None or dtype.kind == "b" or not np.maximum.reduce(np.abs(data), axis=None, initial=0.0) < EXACT:
        raise RequestError("data: expected numbers, each exactly a float")
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        if not ((data == np.floor(data)) & (data >= limits.min) & (data <= limits.max)).all():
            raise RequestError(f"data: expected numbers of {datatype}")
    elif dtype.itemsize < data.itemsize:
        data = rounded(data, dtype).astype(np.float64)
    return data.reshape(shape)


def read_binary(datatype: str, shape: Shape, raw: memoryview | bytes, octets: bool = False) -> Any:
    """Bytes of the binary extension -> ndarray of the shape, or lists of str, of bytes with `octets`.

    Raises RequestError.
    """
    count, dtype = math.prod(shape), DATATYPES[datatype]
    if dtype is None:
        found = elements(raw, count)
        return shaped(found if octets else texts(found), shape)
    if len(raw) != count * dtype.itemsize:
        raise RequestError(f"{count} elements of {datatype} are {count * dtype.itemsize} bytes, got {len(raw)}")
    if datatype == "BOOL" and count and np.frombuffer(raw, np.uint8).max() > 1:
        raise RequestError("a byte of a BOOL tensor is neither 0 nor 1")
    return np.frombuffer(raw, dtype).reshape(shape)


def flat(data: Any, shape: Shape) -> list[Any]:
    """The elements in row-major order. Raises RequestError where they are not of the shape."""
    if type(data) is not list:
        raise RequestError("data: expected a list")
    if len(shape) == 2 and data and type(data[0]) is list:
        if len(data) != shape[0] or set(map(type, data)) != {list} or set(map(len, data)) != {shape[1]}:
            raise RequestError(f"data: expected {shape[0]} lists of {shape[1]} elements, as shape says")
        return list(chain.from_iterable(data))
    if len(data) != math.prod(shape):
        raise RequestError(f"data: expected {math.prod(shape)} elements, as shape says, got {len(data)}")
    return data


def shaped(cells: Any, shape: Shape) -> Any:
    """Flat cells as rows; one dimension stays as it is."""
    if isinstance(cells, np.ndarray):
        return cells.reshape(shape)
    if len(shape) == 1:
        return cells
    return [cells[start : start + shape[1]] for start in range(0, len(cells), shape[1])] if shape[1] else []


def numbers(datatype: str, elements: list[Any]) -> Any:
    """Elements that all are of the datatype -> ndarray, or the list itself for texts; None where one is not."""
    dtype, types = DATATYPES[datatype], set(map(type, elements))
    if dtype is None:
        return elements if types <= TEXTS else None
    if dtype.kind == "b":
        return np.array(elements, dtype) if types == {bool} else None
    try:
        if dtype.kind != "f":
            return np.array(elements, dtype) if types == {int} else None
        if not types <= NUMBERS:
            return None
        array = np.array(elements, np.float64)
    except OverflowError:
        return None
    if int in types and (np.abs(array) >= EXACT).any():
        return None  # an integer may have been rounded: its column decides whether that matters
    return rounded(array, dtype)


def rounded(value: Any, dtype: np.dtype) -> Any:
    with np.errstate(over="ignore"):  # a finite value that becomes infinite is refused by its column
        return value.astype(dtype)


def judged(datatype: str, elements: list[Any]) -> list[Any]:
    """Each cell of the datatype, or a Mismatch; an answer names no more of them than MAX_VIOLATIONS."""
    cells: list[Any] = []
    left = MAX_VIOLATIONS
    for cell in elements:
        if fits(datatype, cell):
            cells.append(converted(datatype, cell))
        else:
            cells.append(mismatch(datatype, cell) if left > 0 else UNNAMED)
            left -= 1
    return cells


def converted(datatype: str, cell: Any) -> Any:
    """A cell that fits its datatype; floats are rounded to the tensor's precision."""
    dtype = DATATYPES[datatype]
    if type(cell) is float and dtype is not None and dtype.kind == "f":
        return rounded(np.float64(cell), dtype).item()
    return cell


def fits(datatype: str, cell: Any) -> bool:
    """Whether one cell is of the datatype; null always is."""
    dtype = DATATYPES[datatype]
    if cell is None:
        return True
    if dtype is None:
        return type(cell) is str
    if dtype.kind == "f":
        return type(cell) in NUMBERS
    if dtype.kind == "b":
        return type(cell) is bool
    if type(cell) is not int and not (type(cell) is float and cell.is_integer()):
        return False
    limits = np.iinfo(dtype)
    return bool(limits.min <= cell <= limits.max)


def mismatch(datatype: str, cell: Any) -> Mismatch:
    if type(cell) is str:
        return Mismatch(cell)
    try:
        shown = orjson.dumps(cell).decode()[:80]
    except (TypeError, ValueError):  # a number beyond 64 bits, or nesting too deep
        shown = "a value"
    return Mismatch(f"{shown} in a tensor of {datatype}")


def elements(buffer: memoryview | bytes, count: int) -> list[bytes]:
    """`count` elements of BYTES. Raises RequestError."""
    found: list[bytes] = []
    place, raw = 0, bytes(buffer)
    while place < len(raw) and len(found) < count:
        start = place + LENGTH.size
        end = start + LENGTH.unpack_from(raw, place)[0] if start <= len(raw) else start
        if end > len(raw):
            break
        found.append(raw[start:end])
        place = end
    if len(found) != count or place != len(raw):
        raise RequestError(f"the {len(raw)} bytes are not {count} elements of BYTES, each its length and its bytes")
    return found


def texts(encoded: list[bytes]) -> list[str]:
    """Raises RequestError for an element that is no UTF-8."""
    try:
        return list(map(bytes.decode, encoded))
    except UnicodeDecodeError:
        place = next(place for place, element in enumerate(encoded) if not is_text(element))
        raise RequestError(f"element {place} is not UTF-8") from None


def is_text(element: bytes) -> bool:
    try:
        element.decode()
    except UnicodeDecodeError:
        return False
    return True


def write(values: Any) -> Tensor:
    """An ndarray, or a list with one plain value (or list of them) a row -> Tensor of FP64, INT64, BOOL or BYTES.

    Values of no datatype (objects, mixtures) become BYTES of JSON text.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return of_array(values.ravel(), values.shape)
    rows = values.tolist() if isinstance(values, np.ndarray) else values
    shape: Shape = (len(rows),)
    if rows and set(map(type, rows)) == {list} and len(set(map(len, rows))) == 1:
        shape, rows = (len(rows), len(rows[0])), list(chain.from_iterable(rows))
    types = set(map(type, rows))
    if types == {bool} or (types and types <= NUMBERS and types != {type(None)}):
        try:
            return of_array(np.array(rows, np.float64 if type(None) in types else None), shape)
        except OverflowError:
            pass
    if not types <= TEXTS:
        rows = [orjson.dumps(cell, option=orjson.OPT_NON_STR_KEYS).decode() for cell in rows]
    return Tensor("BYTES", shape, rows)


def of_array(array: np.ndarray, shape: Shape) -> Tensor:
    """An array of numbers as a Tensor. Raises OverflowError for integers beyond 64 bits."""
    kind = array.dtype.kind
    if kind == "b":
        return Tensor("BOOL", shape, array)
    if kind == "f":
        return Tensor("FP64", shape, array.astype("<f8", copy=False))
    if kind == "u" and array.dtype.itemsize == 8:
        return Tensor("UINT64", shape, array.astype("<u8", copy=False))
    if kind in "iu":
        return Tensor("INT64", shape, array.astype("<i8", copy=False))
    raise OverflowError("whole numbers beyond 64 bits")
