"""How a CSV file is written: its encoding, what separates its fields, and how it writes numbers.

    dialect = recognise(b"age;pay\n31;1.234,50\n")     # Dialect(encoding="utf-8", separator=";", decimal=",")
    dialect.unusual                                    # "separated by ';', with decimal commas"

For files. A body of text/csv is UTF-8; csv_usual asks here how one is separated whose columns are not found.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from dataclasses import dataclass

__all__ = ["DECIMAL_COMMA", "SEPARATORS", "Dialect", "points", "recognise"]

SEPARATORS = {",": "','", ";": "';'", "\t": "tabs", "|": "'|'"}
LINES = 200  # that are looked at
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")  # between thousands, where commas are decimal
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


@dataclass(frozen=True)
class Dialect:
    """encoding: a codec's name. separator: between fields. decimal: of numbers. thousands: between their digits, or
    None.
    """

    encoding: str = "utf-8"
    separator: str = ","
    decimal: str = "."
    thousands: str | None = None

    @property
    def unusual(self) -> str:
        """What is not as in most files, in words; "" for UTF-8 with commas between fields."""
        said = [f"separated by {SEPARATORS[self.separator]}"] if self.separator != "," else []
        if not self.encoding.startswith("utf-8"):
            said.append(f"in {self.encoding}")
        if self.decimal == ",":
            said.append("with decimal commas")
        elif self.thousands:
            said.append("with commas between thousands")
        return ", ".join(said)

    def number(self, text: str) -> str:
        """A number of this file as all others write it; other texts as they are."""
        if self.decimal == "," and (DECIMAL_COMMA.fullmatch(text) or POINTS.fullmatch(text)):
            return text.replace(".", "").replace(",", ".")
        if self.thousands and THOUSANDS.fullmatch(text):
            return text.replace(",", "")
        return text


def recognise(content: bytes, *, whole: bool = True) -> Dialect:
    """How a file is written, by its first lines. whole: whether `content` is all of it, or may end within a letter."""
    encoding = encoding_of(content, whole=whole)
    lines = content.decode(encoding, errors="ignore").splitlines()[:LINES]
    separator = separator_of(lines)
    cells = [cell for row in fields(lines, separator)[1:] for cell in row]
    if separator != "," and any(map(DECIMAL_COMMA.fullmatch, cells)) and not any(map(points, cells)):
        return Dialect(encoding, separator, ",", ".")
    thousands = "," if any(map(THOUSANDS.fullmatch, cells)) else None
    return Dialect(encoding, separator, ".", thousands)


def points(cell: str) -> bool:
    """Whether it is a number with a decimal point, beyond what a point between thousands would be."""
    return bool(re.fullmatch(r"[+-]?\d*\.\d+", cell)) and not POINTS.fullmatch(cell)


def encoding_of(content: bytes, *, whole: bool) -> str:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content, final=whole)
    except UnicodeDecodeError:
        return "cp1252" if decodes(content, "cp1252") else "latin-1"
    return "utf-8"


def decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def fields(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return []


def separator_of(lines: list[str]) -> str:
    """What gives the most fields, as many in nearly every line; the comma where nothing does."""

    def score(separator: str) -> tuple[bool, int, bool]:
        widths = Counter(map(len, fields(lines, separator)))
        if not widths:
            return False, 0, False
        ((width, times),) = widths.most_common(1)
        return times >= 0.9 * widths.total() and width > 1, width, separator == ","

    best = max(SEPARATORS, key=score)
    return best if score(best)[0] else ","
