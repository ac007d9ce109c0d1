"""Tensors as V1 and MLflow say them, in TensorFlow Serving's two forms; and what a network answers.

    call_of("inputs", {"image": [[...]]}, None)           # whole tensors by name
    call_of("instances", [{"image": [...]}], None)        # a row each, without the first dimension

Where a network has one input, its tensor may come without a name. Tensors are checked by the model, not here.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..capabilities import TensorCall
from ..errors import RequestError
from .table_formats.npy import opened

__all__ = ["FORMS", "by_row", "call_of", "from_npy", "to_npy", "whole"]

FORMS = ("instances", "inputs")
NUMBERS = "biuf"  # numpy's letters of what a tensor may hold


def call_of(form: str, value: Any, outputs: list[str] | None) -> TensorCall:
    """form: one of FORMS. value: what stands under it."""
    return TensorCall(value, form == "instances", outputs)


def by_row(outputs: dict[str, np.ndarray]) -> Any:
    """{name: [rows, ...]} -> a value a row of the only output, or an object a row."""
    arrays = list(map(contiguous, outputs.values()))
    if len(arrays) == 1:
        return arrays[0]
    return [dict(zip(outputs, row, strict=True)) for row in zip(*arrays, strict=True)]


def whole(outputs: dict[str, np.ndarray]) -> Any:
    """The only output as it is, or all of them by name."""
    named = {name: contiguous(array) for name, array in outputs.items()}
    return next(iter(named.values())) if len(named) == 1 else named


def contiguous(array: np.ndarray) -> np.ndarray:
    """As the JSON writer takes it."""
    return np.ascontiguousarray(array).reshape(array.shape)


def from_npy(body: bytes) -> np.ndarray:
    """One array, as numpy.save writes it. Raises RequestError."""
    shape, fortran, dtype, data = opened(body)
    if dtype.kind not in NUMBERS or (dtype.kind == "f" and dtype.itemsize > 8):
        raise RequestError(f"the array is of dtype {dtype}; send numbers or truth values")
    count = 1
    for size in shape:
        count *= size
    if len(data) != count * dtype.itemsize:
        raise RequestError(f"the body is no .npy file: {len(data)} bytes for shape {list(shape)} of {dtype}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    if dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise RequestError("the array holds truth values that are neither 0 nor 1")
    return array.astype(dtype.newbyteorder("="), copy=False)


def to_npy(outputs: dict[str, np.ndarray]) -> bytes | None:
    """The only output as numpy.save writes it; None where there are several."""
    if len(outputs) != 1:
        return None
    file = io.BytesIO()
    np.save(file, next(iter(outputs.values())), allow_pickle=False)
    return file.getvalue()
