"""CSV (RFC 4180, UTF-8) with a header line, in any order of columns.

    decode(b"age,city\n31,Oslo\n", columns, 100, 2**24)       # {"age": [31], "city": ["Oslo"]}
    encode({"predict": ["yes"]})                              # b"predict\r\nyes\r\n"

Cells are all text; the column's kind says what they mean. A field may have 131,072 characters.
"""

import csv
import io
import json
from typing import Any

from ...errors import RequestError
from .csv_cells import cells_of
from .parts import check_names, check_rows, fault, flat, no_rows, refuse

__all__ = ["decode", "encode"]


def decode(body, columns, max_rows, max_bytes):
    """Bytes -> an object of columns. Raises RequestError, InvalidInstances, PayloadTooLarge."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not CSV in UTF-8: byte {error.start} is no text") from None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next_line(lines)
    rows: list[list[str]] = []
    faults: list[dict[str, Any]] = []
    if header is None:
        raise RequestError("the body is empty; send CSV with a header line")
    check_names(header)
    width = len(header)
    while (row := next_line(lines)) is not None:
        if len(row) != width:
            faults.append(fault(f"{width} values, as many as the header", f"{len(row)} values", row=len(rows)))
        rows.append(row)
        check_rows(len(rows), max_rows)
    refuse(faults)
    if not rows:
        no_rows("a header alone")
    known = {column.name: column for column in columns}
    cells = zip(header, map(list, zip(*rows, strict=True)), strict=True)
    return {name: cells_of(values, known[name]) if name in known else () for name, values in cells}


def next_line(lines):
    """The next line that is not blank, as a list of str; None at the end."""
    try:
        return next((line for line in lines if line), None)
    except csv.Error as error:
        raise RequestError(f"the body is not CSV: line {lines.line_num}: {error}") from None


def encode(outputs):
    """A header, then a line a row; None and NaN are empty fields, true and false are written so."""
    columns = flat(outputs)
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows(zip(*(map(field, cells) for cells in columns.values()), strict=True))
    return file.getvalue().encode()


def field(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return "" if value is None or value != value else value
