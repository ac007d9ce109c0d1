"""Bodies of CSV that are written in another way than text/csv says, as most others are.

    usual(b"age;pay\n31;1,5\n", columns, 100)   # (b"age,pay\r\n31,1.5\r\n", ("the body was read as ...",))

A body whose header has the model's columns between commas stays as it is, to the byte. Any other may be separated by
semicolons, tabs or bars; then its numbers may have decimal commas. A number that could be read in two ways is refused.
"""

import csv
import io
import re

from ...errors import RequestError
from ..utf8 import text
from .csv import filled
from .csv_dialect import DECIMAL_COMMA, SEPARATORS, Dialect, points
from .parts import check_rows

__all__ = ["usual"]

LONGEST = 2**20  # bytes of a header that are looked at
TWOFOLD = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")  # 1.234, which is 1234 where points stand between thousands


def usual(body, columns, max_rows):
    """(the body as text/csv says, warnings that tell how it was written). Raises RequestError, PayloadTooLarge.

    columns: of the model; `name`, `kind` and `categories` are read.
    """
    names = {column.name for column in columns}
    line = first_line(body)
    separator = max(SEPARATORS, key=lambda each: len(names & set(header(line, each))))
    if separator == ",":  # the first of them, also where there are no such names
        return body, ()
    lines = csv.reader(io.StringIO(text(body), newline=""), delimiter=separator, strict=True)
    rows = []
    for number, row in enumerate(filled(lines)):
        check_rows(number, max_rows)
        rows.append(row)
    numbers = {column.name for column in columns if of_numbers(column)}
    places = [place for place, name in enumerate(rows[0]) if name in numbers]
    dialect = Dialect("utf-8", separator, *decimal_of(rows[1:], places))
    if dialect.decimal == ",":
        for row in rows[1:]:
            for place in places:
                if place < len(row):
                    row[place] = dialect.number(row[place])
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue().encode(), (f"the body was read as CSV {dialect.unusual}",)


def of_numbers(column):
    if column.kind == "category":
        return not any(isinstance(category, str) for category in column.categories)
    return column.kind in ("number", "integer")


def first_line(body):
    """The text of the first line that is not blank."""
    blank = re.match(rb"(\xef\xbb\xbf)?[\r\n]*", body)
    begin = blank.end() if blank else 0
    end = body.find(b"\n", begin, begin + LONGEST)
    return body[begin : end if end >= 0 else begin + LONGEST].decode(errors="ignore").rstrip("\r")


def header(line, separator):
    """The names in a line; none where it is no CSV."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def decimal_of(rows, places):
    """(decimal, thousands) of the numbers in these places. Raises RequestError where both could be meant."""
    twofold = ""
    commas = dots = False
    for row in rows:
        for cell in (row[place] for place in places if place < len(row)):
            commas = commas or DECIMAL_COMMA.fullmatch(cell) is not None
            if TWOFOLD.fullmatch(cell):
                twofold = twofold or cell
            else:
                dots = dots or points(cell) or cell.startswith(("0.", "-0."))
    if twofold and commas == dots:
        other = twofold.replace(".", "")
        raise RequestError(
            f"the body is CSV that is not separated by commas, and {twofold} in it may be {twofold} or {other}; "
            f"send it separated by commas, with decimal points"
        )
    return (",", ".") if commas and not dots else (".", None)
