"""Arrow's columns as the cells JSON would have had, and answers as Arrow's columns.

    cells_of_table(pa.table({"when": [datetime(2020, 1, 1)]}), columns, 2**24)   # {"when": ["2020-01-01T00:00:00..."]}

Moments become ISO 8601 text (with an offset where the type has a zone), decimals floats or whole numbers, null None.
Types without a JSON value a cell can have (lists, structs, durations) are violations.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import RequestError
from .parts import fault, flat, refuse, too_large

__all__ = ["MOMENTS", "NUMBERS", "TEXTS", "VIEWS", "any_of", "cells_of_table", "check_types", "table_of"]

is_a = pa.types
MOMENTS = (is_a.is_timestamp, is_a.is_date, is_a.is_time)
TEXTS = (is_a.is_string, is_a.is_large_string, is_a.is_binary, is_a.is_large_binary)
VIEWS = (is_a.is_string_view, is_a.is_binary_view)
NUMBERS = (is_a.is_integer, is_a.is_floating, is_a.is_decimal)
PLAIN = (is_a.is_null, is_a.is_boolean)


def any_of(tests, kind):
    return any(test(kind) for test in tests)


def check_types(schema, columns):
    """Refuse columns of the model whose type has no cells."""
    known, faults = {column.name: column for column in columns}, []
    for field in schema:
        kind = field.type.value_type if is_a.is_dictionary(field.type) else field.type
        if field.name in known and not any_of((*PLAIN, *NUMBERS, *MOMENTS, *TEXTS, *VIEWS), kind):
            faults.append(fault(known[field.name].expected, f"a column of type {field.type}", column=field.name))
    refuse(faults)


def cells_of_table(table, columns, max_bytes):
    """A Table of checked types -> {column: cells}; columns the model does not have are named, with none.

    Texts may repeat one entry of a dictionary in every row: together at most `max_bytes`.
    """
    known, left = {column.name for column in columns}, max_bytes
    found: dict[str, Sequence[Any]] = {}
    for name in table.column_names:
        if name not in known:
            found[name] = ()
            continue
        cells = []
        for chunk in table[name].chunks:
            left -= text_bytes(chunk)
            if left < 0:
                too_large("table", max_bytes)
            cells += cells_of(chunk, name)
        found[name] = cells
    return found


def text_bytes(array):
    """Bytes of all texts of an array, each counted as often as it comes."""
    if is_a.is_dictionary(array.type):
        lengths = text_lengths(array.dictionary)
        return 0 if lengths is None else pc.sum(lengths.take(array.indices)).as_py() or 0
    lengths = text_lengths(array)
    return 0 if lengths is None else pc.sum(lengths).as_py() or 0


def text_lengths(array):
    if any_of(TEXTS, array.type):
        return pc.binary_length(array).cast(pa.int64())
    if any_of(VIEWS, array.type):  # 16 bytes an entry, of which the first four are its length
        views = np.frombuffer(array.buffers()[1], dtype="<i4")[::4]
        return pa.array(views[array.offset : array.offset + len(array)].astype("int64"))
    return None


def cells_of(array, name):
    if is_a.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if is_a.is_timestamp(kind) and kind.tz:
        array = array.cast(pa.timestamp(kind.unit, "UTC"))
    if any_of(MOMENTS, kind):
        return [text and text.replace(" ", "T") for text in array.cast(pa.string()).to_pylist()]
    if is_a.is_decimal(kind):
        number = float if kind.scale > 0 else int  # whole ones stay exact, whatever their size
        return [None if cell is None else number(cell) for cell in array.to_pylist()]
    if is_a.is_float16(kind):
        array = array.cast(pa.float64())
    try:
        return (array.cast(pa.large_string()) if any_of((*TEXTS, *VIEWS), kind) else array).to_pylist()
    except (pa.ArrowInvalid, UnicodeDecodeError):
        raise RequestError(f"column {name!r} holds what is no text in UTF-8") from None


def table_of(outputs):
    """{output: one plain value a row} -> a Table of flat columns; None where a column mixes types."""
    try:
        return pa.table({name: pa.array(cells) for name, cells in flat(outputs).items()})
    except (pa.ArrowException, OverflowError):
        return None
