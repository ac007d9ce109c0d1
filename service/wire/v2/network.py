"""Networks in V2: tensors of any shape by name, in JSON or as raw bytes, and the outputs as the network gives them."""

from __future__ import annotations

import math
from itertools import chain
from typing import Any

import numpy as np

from ...capabilities import TensorCall
from ...errors import RequestError
from ..adapter import Decoded, Request
from .answer import Part
from .limits import Limits
from .outputs import RequestedOutput
from .request import FIRST, Call, decode, refuse
from .tensors import DATATYPES, Tensor, mismatch

__all__ = ["DATATYPE_OF", "decode_tensors", "parts_of"]

DEEPEST = 16  # dimensions
DATATYPE_OF = {dtype: name for name, dtype in DATATYPES.items() if dtype is not None}  # of a dtype


def decode_tensors(request: Request, model: Any) -> Decoded:
    """Tensors -> a TensorCall. Raises RequestError or PayloadTooLarge."""
    # As many numbers as a body may have bytes: fewer can be there, whatever the shapes say.
    limits = Limits(None, request.max_bytes, dimensions=range(DEEPEST + 1), read=read_numbers)
    call = decode(request.content, request.json_length, request.max_rows, limits=limits)
    names = [model.outputs[0] if output.name == FIRST else output.name for output in call.outputs]
    inputs: dict[str, Any] = {}
    faults = []
    for place, tensor in enumerate(call.inputs):
        if tensor.name in inputs:
            faults.append((f"inputs[{place}].name", f"{tensor.name!r:.80} is there twice"))
        inputs[tensor.name] = tensor.cells
    refuse(faults)
    return Decoded(TensorCall(inputs, outputs=names or None), note=call, timeout=call.timeout)


def parts_of(call: Call, chosen: list[str] | None, outputs: dict[str, np.ndarray]) -> list[tuple[Any, list[Part]]]:
    """What `answer.encode` takes: the outputs that were asked for, by the names that they were asked by, or all.

    chosen: the model's names of those.
    """
    asked = call.outputs or [RequestedOutput(name, call.binary) for name in outputs]
    names = chosen or list(outputs)
    return [(output, [(None, tensor_of(outputs[name]), None)]) for output, name in zip(asked, names, strict=True)]


def tensor_of(array: np.ndarray) -> Tensor:
    datatype = DATATYPE_OF[array.dtype.newbyteorder("<") if array.dtype.itemsize > 1 else array.dtype]
    return Tensor(datatype, array.shape, array.ravel())


def read_numbers(datatype: str, shape: tuple[int, ...], data: Any) -> np.ndarray:
    """`data` of numbers or truth values, flat or nested -> ndarray of the shape; null is NaN in floats.

    Raises RequestError where it is not of the shape, or holds anything else.
    """
    dtype = DATATYPES[datatype]
    if dtype is None:
        raise RequestError("datatype: a network takes numbers and truth values, and no BYTES")
    elements = unnested(data, tuple(shape))
    allowed = {bool} if dtype.kind == "b" else {int} if dtype.kind in "iu" else {int, float, type(None)}
    if set(map(type, elements)) <= allowed:
        try:
            array = np.array(elements, np.float64 if dtype.kind == "f" else dtype)
            with np.errstate(over="ignore"):
                array = array.astype(dtype, copy=False)
            if dtype.kind != "f" or not np.isinf(array).any():
                return array.reshape(shape)
        except OverflowError:
            pass
    place = next(place for place, cell in enumerate(elements) if not holds(dtype, cell))
    raise RequestError(f"data: element {place} is not of {datatype}: {mismatch(datatype, elements[place])[:80]}")


def holds(dtype: np.dtype[Any], cell: Any) -> bool:
    """Whether a dtype holds one of JSON's values; floats may be rounded to it, and null is NaN."""
    if dtype.kind == "b":
        return type(cell) is bool
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return type(cell) is int and int(limits.min) <= cell <= int(limits.max)
    if cell is None or cell != cell:
        return True
    return type(cell) in (int, float) and abs(cell) <= float(np.finfo(dtype).max)


def unnested(data: Any, shape: tuple[int, ...]) -> list[Any]:
    """The elements in row-major order, of lists as deep as the shape or of one flat list. Raises RequestError."""
    count = math.prod(shape)
    if type(data) is list and not any(type(cell) is list for cell in data[:1]):
        cells = data
    else:
        cells = [data]
        for size in shape:
            if not all(type(cell) is list and len(cell) == size for cell in cells):
                raise RequestError(f"data: expected lists nested as shape says, or one of {count} elements")
            cells = list(chain.from_iterable(cells))
    if len(cells) != count:
        raise RequestError(f"data: expected {count} elements, as shape says, got {len(cells)}")
    return cells
