"""CSV (RFC 4180, UTF-8) with a header line, in any order of columns.

    decode(b"age,city\n31,Oslo\n", columns, 100, 2**24)       # {"age": [31], "city": ["Oslo"]}
    encode({"predict": ["yes"]})                              # b"predict\r\nyes\r\n"

Cells are all text; the column's kind says what they mean. A field may have 131,072 characters, and a header the
model's columns and MOST_OTHERS more.
"""

import csv
import io
import json
from typing import Any

from ...errors import MAX_VIOLATIONS, PayloadTooLarge, RequestError
from ..utf8 import text
from .csv_cells import cells_of
from .parts import check_names, check_rows, fault, flat, no_rows, refuse

__all__ = ["decode", "encode", "filled", "write"]

MOST_OTHERS = 10_000  # columns that are none of the model's
MOST_BLANK = 100_000  # lines without a row


def decode(body, columns, max_rows, max_bytes):
    """Bytes -> an object of columns. Raises RequestError, InvalidInstances, PayloadTooLarge."""
    lines = filled(csv.reader(io.StringIO(text(body), newline=""), strict=True))
    header = next(lines, None)
    rows: list[list[str]] = []
    faults: list[dict[str, Any]] = []
    if header is None:
        raise RequestError("the body is empty; send CSV with a header line")
    width, wrong = len(header), 0
    if width > len(columns) + MOST_OTHERS:
        raise PayloadTooLarge(f"{width} columns; at most {len(columns) + MOST_OTHERS} are taken")
    check_names(header)
    for number, row in enumerate(lines):
        check_rows(number + 1, max_rows)
        if len(row) == width:
            rows.append(row)
            continue
        wrong += 1
        if wrong <= MAX_VIOLATIONS:
            faults.append(fault(f"{width} values, as many as the header", f"{len(row)} values", row=number))
    refuse(faults, wrong)
    if not rows:
        no_rows("a header alone")
    known = {column.name: column for column in columns}
    cells = zip(header, map(list, zip(*rows, strict=True)), strict=True)
    return {name: cells_of(values, known[name]) if name in known else () for name, values in cells}


def filled(lines):
    """Yield the lines of a csv.reader that are not blank, each a list of str. Raises RequestError, PayloadTooLarge."""
    blank = 0
    try:
        for line in lines:
            if line:
                yield line
            elif (blank := blank + 1) > MOST_BLANK:
                raise PayloadTooLarge(f"more than {MOST_BLANK} blank lines, the most taken")
    except csv.Error as error:
        raise RequestError(f"the body is not CSV: line {lines.line_num}: {error}") from None


def encode(outputs):
    """A header, then a line a row; None and NaN are empty fields, true and false are written so."""
    columns = flat(outputs)
    return write(columns, columns.values())


def write(names, columns):
    """The names of columns, and the cells of each -> bytes of CSV."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(names)
    writer.writerows(zip(*(map(field, cells) for cells in columns), strict=True))
    return file.getvalue().encode()


def field(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value)
    return "" if value is None or value != value else value
