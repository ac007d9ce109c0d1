"""Cells of CSV, which are all text, as the JSON values their columns' kinds ask for.

    typed(["1.5", "", "abc"], "number", nullable=True)   # [1.5, None, "abc"]

What is not a value of the kind stays text, so that the column plan can say where it
stands. Text columns keep what they hold: "007" is not 7. Whole numbers stay exact, whatever their size.
"""

import math
import re

__all__ = ["cells_of", "typed", "typed_category"]

# What pandas reads as a missing number, since samples are read by it.
MISSING = frozenset(
    (
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
        *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    )
)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
EXACT_DIGITS = 15  # a whole number of so many is a float
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def cells_of(values, column):
    """A list of str -> the cells of a column, which is known by its kind, categories and nullable."""
    if column.kind == "category":
        return typed_category(values, column.categories, nullable=column.nullable)
    return typed(values, column.kind, nullable=column.nullable)


def typed(values, kind, *, nullable):
    """A list of str -> the cells of one column of the given kind."""
    convert = CONVERT.get(kind)
    if convert is None:
        return [None if value == "" else value for value in values] if nullable else values
    return [None if value in MISSING else convert(value) for value in values]


def typed_category(values, categories, *, nullable):
    """The same for a column of categories, which may be numbers, truth values or texts."""
    kinds = {type(category) for category in categories}
    if str in kinds:
        return typed(values, "category", nullable=nullable)
    return typed(values, "boolean" if kinds == {bool} else "number", nullable=nullable)


def number(value):
    try:
        parsed = float(value)
    except ValueError:
        return value
    # float() also reads "1_000", "inf" and digits of other scripts, none of which a CSV means as a number
    if "_" in value or not value.isascii() or not math.isfinite(parsed):
        return value
    if len(value) > EXACT_DIGITS and WHOLE.fullmatch(value):
        return int(value)  # of which the float may be a neighbor
    return parsed


def integer(value):
    try:
        return int(value) if value.isascii() and "_" not in value else value
    except ValueError:
        return number(value)


CONVERT = {"number": number, "integer": integer, "boolean": lambda value: TRUTH.get(value, value)}
