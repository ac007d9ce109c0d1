"""The kinds of column: the JSON values one takes without loss, and the array they become.

    COLUMN_KINDS["integer"].fits(column, 3.0)       # True; 3.5, "3" and true are not integers
    COLUMN_KINDS["number"].array(column, [31, None])  # array([31., nan]) for a column of float64

A kind is asked about a column (`service.models.tables.column.Column`) and keeps no state of its own.
"""

import json
import math
import re
from datetime import UTC, datetime

import numpy as np

__all__ = ["COLUMN_KINDS", "EXACT", "NUMPY", "Kind", "whole_range"]

LISTED = 8  # categories named in one sentence


class Kind:
    """What the kinds share: `types` a cell may have, and how every cell is looked at where none is special."""

    types: frozenset[type] = frozenset()
    noun = ""

    def types_of(self, column):
        return self.types

    def expected(self, column):
        return self.noun

    def fits(self, column, value):
        return True

    def all_fit(self, column, values, types):
        return all(value is None or self.fits(column, value) for value in values)

    def array(self, column, values):
        return typed(values, column.dtype, column.missing)


class Number(Kind):
    """A finite float; whole numbers pass where a float holds them exactly."""

    types = frozenset({int, float})
    noun = "number"

    def fits(self, column, value):
        try:
            return math.isfinite(value) and float(value) == value and abs(value) <= largest(column.dtype)
        except OverflowError:  # a whole number beyond every float
            return False

    def all_fit(self, column, values, types):
        if type(None) not in types and column.dtype in ("float64", "float32"):
            # A NaN hides from min and max, but not from the sum, which cannot overflow within these bounds.
            return min(values) > -EXACT and max(values) < EXACT and math.isfinite(sum(values))
        return super().all_fit(column, values, types)


class Integer(Number):
    """A whole number within the range of the fitted dtype; 3.0 is one."""

    noun = "integer"

    def fits(self, column, value):
        if type(value) is float and (not value.is_integer() or is_rounded(value)):
            return False
        lowest, highest = whole_range(column.dtype)
        return lowest <= value <= highest

    def all_fit(self, column, values, types):
        if types == {int}:
            lowest, highest = whole_range(column.dtype)
            return lowest <= min(values) and max(values) <= highest
        return Kind.all_fit(self, column, values, types)

    def array(self, column, values):
        integers = [None if value is None else int(value) for value in values]
        if None in integers and column.dtype in NUMPY:
            return typed(integers, "float64")  # as pandas does to a column of integers with a hole in it
        return typed(integers, column.dtype, column.missing)


class Boolean(Kind):
    types = frozenset({bool})
    noun = "true or false"

    def all_fit(self, column, values, types):
        return True

    def array(self, column, values):
        dtype = "object" if None in values and column.dtype == "bool" else column.dtype
        return typed(values, dtype, column.missing)


class Category(Kind):
    """One of the values the model has seen; others only as its encoder says."""

    def types_of(self, column):
        types = {type(value) for value in column.categories}
        return types | NUMBER.types if types & NUMBER.types else types

    def expected(self, column):
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in column.categories[:LISTED])
        more = len(column.categories) - LISTED
        listed += f" and {more} more" if more > 0 else ""
        return f"a value like {listed}" if column.accepts_unknown else f"one of {listed}"

    def fits(self, column, value):
        if value in column.known:
            return type(value) is not float or not is_rounded(value)
        if not column.accepts_unknown:
            return False
        if type(value) not in NUMBER.types:
            return True
        return (INTEGER if column.dtype.lower().startswith(WHOLE) else NUMBER).fits(column, value)

    def all_fit(self, column, values, types):
        return all(value is None or self.fits(column, value) for value in set(values))

    def array(self, column, values):
        if column.dtype == "category":
            import pandas as pd  # only where a frame is needed at all

            dtype = pd.CategoricalDtype(list(column.categories), column.ordered)
            # A strange category is a missing one to a column of this dtype, here as in any frame.
            return pd.Categorical([value if value in column.known else None for value in values], dtype=dtype)
        if None in values and column.dtype.startswith(WHOLE):
            # As pandas does; but a hole in one row must not make another id of that in the next.
            exact = all(value is None or -EXACT < value < EXACT for value in values)
            return typed(values, "float64" if exact else "object")
        return typed(values, column.dtype, column.missing)


class Text(Kind):
    types = frozenset({str})
    noun = "text"

    def all_fit(self, column, values, types):
        return True


class Datetime(Kind):
    """An ISO 8601 date or date-time; with an offset exactly where the fitted column had one.

    One without an offset says no moment, and one with an offset no time on the clock: neither stands for the other.
    """

    types = frozenset({str})

    def expected(self, column):
        return f"ISO 8601 date and time {'with' if zoned(column) else 'without'} an offset"

    def fits(self, column, value):
        try:
            moment(column, value)
        except (ValueError, OverflowError):
            return False
        return True

    def array(self, column, values):
        import pandas as pd  # only where a frame is needed at all

        moments = [None if value is None else moment(column, value) for value in values]
        if zoned(column):
            return pd.Series(pd.to_datetime(moments, utc=True)).astype(column.dtype).array
        return pd.array(moments, dtype=column.dtype)


def zoned(column):
    return "," in column.dtype


def moment(column, text):
    """ISO 8601 text -> a datetime the fitted column holds exactly. Raises ValueError or OverflowError."""
    moment = datetime.fromisoformat(text)  # also the judge of what is ISO: pandas reads "now" as a date
    if (moment.tzinfo is not None) != zoned(column):
        raise ValueError("an offset where there was none, or none where there was one")
    if "[us" not in column.dtype or BEYOND_MICROSECONDS.search(text):
        import pandas as pd  # only pandas has other units than the microsecond

        (unit,) = UNIT.findall(column.dtype)
        moment = pd.Timestamp(text).as_unit(unit, round_ok=False)
    return moment.astimezone(UTC) if zoned(column) else moment


BEYOND_MICROSECONDS = re.compile(r"[.,]\d{7}")
UNIT = re.compile(r"\[(s|ms|us|ns)\b")


def largest(dtype):
    """The largest finite value of a float dtype by its name, numpy's, pandas' or Arrow's."""
    return LARGEST.get(dtype.lower().partition("[")[0], LARGEST["float64"])


def whole_range(dtype):
    """(lowest, highest) of an integer dtype by its name; what is none of them has the range of int64."""
    limits = np.iinfo(LIMITS.get(dtype.lower().partition("[")[0], "int64"))
    return limits.min, limits.max


def typed(values, dtype, missing="nan"):
    """A list of plain values -> an array of `dtype`, None becoming what that dtype calls missing."""
    if dtype == "object":
        hole = None if missing == "None" else np.nan
        array = np.empty(len(values), dtype=object)
        array[:] = [hole if value is None else value for value in values]
        return array
    if dtype in NUMPY:
        return np.array(values, dtype=dtype)
    import pandas as pd  # only where a frame is needed at all

    return pd.array(values, dtype=dtype)


def is_rounded(value):
    """Whether a float may be another whole number than was written: JSON's parser makes floats of those below int64."""
    return value <= -(2.0**63)


EXACT = 2.0**53  # up to here every whole number is a float64
WHOLE = ("int", "uint")
LIMITS = {name: name for name in (f"{sign}{bits}" for sign in WHOLE for bits in (8, 16, 32, 64))}
LARGEST = {name: float(np.finfo(name).max) for name in ("float16", "float32", "float64")}
LARGEST |= {"halffloat": LARGEST["float16"], "float": LARGEST["float32"]}  # as Arrow calls them
NUMPY = frozenset({"bool", "float16", "float32", "float64", *LIMITS})

NUMBER, INTEGER = Number(), Integer()
COLUMN_KINDS = {
    "number": NUMBER,
    "integer": INTEGER,
    "boolean": Boolean(),
    "category": Category(),
    "text": Text(),
    "datetime": Datetime(),
}
