"""One array of numpy, as `numpy.save` writes it: rows by columns in the fitted order. Never a pickle.

    decode(body, columns, 100, 2**24)         # [[5.1, 3.5], [4.9, 3.0]]
    encode({"predict_proba": [{"yes": 0.2, "no": 0.8}]})    # the bytes of an array of shape [1, 2]

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

import io

import numpy as np

from ...errors import RequestError, in_a_line
from .parts import check_rows, fault, no_rows, refuse

__all__ = ["decode", "encode", "opened"]

TAKEN = "biufU"  # numpy's letters: truth values, integers, floats, texts; "O" would be a pickle
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def decode(body, columns, max_rows, max_bytes):
    """Bytes -> a list of rows; of bare values where the model has one column and the array one dimension."""
    shape, fortran, dtype, data = opened(body)
    if dtype.kind not in TAKEN or not dtype.itemsize or (dtype.kind == "f" and dtype.itemsize > 8):
        raise RequestError(f"the array is of dtype {dtype}; send numbers, truth values or texts")
    width = len(columns)
    if len(shape) != 2 or shape[1] != width:
        if len(shape) != 1 or width != 1:
            refuse([fault(f"an array of shape [rows, {width}]", f"shape {list(shape)}")])
        fortran = False
    rows = shape[0]
    if not rows:
        no_rows(f"an array of shape {list(shape)}")
    check_rows(rows, max_rows)
    if len(data) != rows * (shape[1] if len(shape) == 2 else 1) * dtype.itemsize:
        raise RequestError(f"the body is no .npy file: {len(data)} bytes for shape {list(shape)} of {dtype}")
    if dtype.kind == "U":
        check_text(np.frombuffer(data, dtype.byteorder + "u4"))
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C").tolist()


def check_text(characters):
    """Four bytes that are no character of Unicode, or half of a pair, make texts that nothing can write down."""
    if ((characters > 0x10FFFF) | ((characters >= 0xD800) & (characters <= 0xDFFF))).any():
        raise RequestError("the array holds what is no text of Unicode characters")


def opened(body):
    """(shape, whether it lies by columns, dtype, the bytes of the values). Raises RequestError."""
    file = io.BytesIO(body)
    try:
        shape, fortran, dtype = HEADERS[np.lib.format.read_magic(file)](file)
        if any(size < 0 for size in shape):
            raise ValueError("a negative size")
    except Exception as error:  # the header is Python source: its parser raises what it likes
        raise RequestError(f"the body is no .npy file: {type(error).__name__}: {in_a_line(error, 200)}") from None
    return shape, fortran, dtype, memoryview(body)[file.tell() :]


def encode(outputs):
    """The one output as an array of numbers; None where there are several, or other values than numbers."""
    if len(outputs) != 1:
        return None
    (values,) = outputs.values()
    if type(values[0]) is dict:
        keys = values[0].keys()
        if any(one.keys() != keys for one in values):
            return None
        values = [list(one.values()) for one in values]
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        return None
    if array.dtype.kind not in "biuf":
        return None
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
