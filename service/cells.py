"""The kinds of column: which JSON values one takes, and the array they become.

    column = Column("age", "number", "float64", nullable=True)
    column.fits(31)          # True; column.fits("31") is False, and so is column.fits(True)
    column.array([31, None]) # array([31., nan])

Coercion loses nothing: text that looks like a number is not a number, true is
not 1, a whole number stands for a float only where the float is exactly it.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np

__all__ = ["ABSENT", "KINDS", "Column", "shown"]

ABSENT = object()  # the cell of a row that does not have the column at all
SHOWN = 80  # characters of a wrong value repeated to the caller
LISTED = 8  # categories named in one sentence


def shown(value):
    """A wrong value as JSON text, cut short; what a violation says it `got`."""
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


@dataclass(frozen=True)
class Column:
    """One column of a model's table, as it was when the model was fitted.

    `dtype` is the pandas (or numpy) name of the fitted column's dtype. `accepts_unknown`
    is the encoder's own policy for values outside `categories`. `missing` is how an object
    column spelled a missing value: "nan" or "None". `statistics` never decides anything:
    minimum, maximum, quantiles, missing_rate of the sample.
    """

    name: str
    kind: str
    dtype: str
    nullable: bool = False
    categories: tuple | None = None
    ordered: bool = False
    accepts_unknown: bool = False
    missing: str = "nan"
    statistics: dict = field(default_factory=dict, compare=False)

    @classmethod
    def from_json(cls, entry):
        known = {key: entry[key] for key in FIELDS if key in entry}
        if known.get("categories") is not None:
            known["categories"] = tuple(known["categories"])
        rest = {key: value for key, value in entry.items() if key not in FIELDS}
        return cls(**known, statistics=rest)

    def to_json(self):
        """A flat dict; what is at its default and says nothing is left out."""
        plain = {key: value for key, value in asdict(self).items() if key != "statistics"}
        for key, silent in SILENT.items():
            if plain[key] == silent:
                del plain[key]
        return plain | self.statistics

    @property
    def takes(self):
        return KINDS[self.kind]

    @cached_property
    def types(self):
        """The Python types, as JSON gives them, that a cell may have."""
        return frozenset(self.takes.types(self)) | ({type(None)} if self.nullable else set())

    @cached_property
    def known(self):
        return frozenset(self.categories or ())

    @cached_property
    def expected(self):
        """One sentence fragment: what would be right here."""
        return self.takes.expected(self) + (" or null" if self.nullable else "")

    def fits(self, value):
        """Whether one cell can be taken without loss."""
        if type(value) not in self.types:
            return False
        return value is None or self.takes.fits(self, value)

    def array(self, values):
        """Cells that all fit -> what the fitted column was: shape [n], dtype as `dtype` says."""
        return self.takes.array(self, values)

    def strangers(self, values):
        """The distinct cells outside the known categories that the encoder lets pass."""
        if not (self.categories and self.accepts_unknown):
            return set()
        return set(values) - self.known - {None}


SILENT = {"categories": None, "ordered": False, "accepts_unknown": False, "missing": "nan"}
FIELDS = ("name", "kind", "dtype", "nullable", *SILENT)


class Number:
    """A finite float; whole numbers pass where a float holds them exactly."""

    def types(self, column):
        return {int, float}

    def expected(self, column):
        return "number"

    def fits(self, column, value):
        try:
            return math.isfinite(value) and float(value) == value
        except OverflowError:  # a whole number beyond every float
            return False

    def array(self, column, values):
        return typed(values, column.dtype)


class Integer(Number):
    """A whole number within the range of the fitted dtype; 3.0 is one."""

    def expected(self, column):
        return "integer"

    def fits(self, column, value):
        if type(value) is float and not value.is_integer():
            return False
        limits = np.iinfo(column.dtype.lower() if column.dtype.lower().startswith(("int", "uint")) else "int64")
        return limits.min <= value <= limits.max

    def array(self, column, values):
        whole = [None if value is None else int(value) for value in values]
        if None in whole and column.dtype.startswith(("int", "uint")):
            return typed(whole, "float64")  # as pandas does to a column of integers with a hole in it
        return typed(whole, column.dtype)


class Boolean:
    def types(self, column):
        return {bool}

    def expected(self, column):
        return "true or false"

    def fits(self, column, value):
        return True

    def array(self, column, values):
        dtype = "object" if None in values and column.dtype == "bool" else column.dtype
        return typed(values, dtype, column.missing)


class Category:
    """One of the values the model has seen; others only as its encoder says."""

    def types(self, column):
        found = {type(value) for value in column.categories}
        return found | {int, float} if found & {int, float} else found

    def expected(self, column):
        listed = ", ".join(json.dumps(value, ensure_ascii=False) for value in column.categories[:LISTED])
        more = len(column.categories) - LISTED
        listed += f" and {more} more" if more > 0 else ""
        return f"a value like {listed}" if column.accepts_unknown else f"one of {listed}"

    def fits(self, column, value):
        return column.accepts_unknown or value in column.known

    def array(self, column, values):
        if column.dtype == "category":
            import pandas as pd  # only where a frame is needed at all

            return pd.Categorical(values, dtype=pd.CategoricalDtype(list(column.categories), column.ordered))
        if None in values and column.dtype.startswith(("int", "uint")):
            return typed(values, "float64")
        return typed(values, column.dtype, column.missing)


class Text:
    def types(self, column):
        return {str}

    def expected(self, column):
        return "text"

    def fits(self, column, value):
        return True

    def array(self, column, values):
        return typed(values, column.dtype, column.missing)


class Datetime:
    """An ISO 8601 date or date-time; with an offset exactly where the fitted column had one."""

    def types(self, column):
        return {str}

    def expected(self, column):
        zone = " with an offset" if "," in column.dtype else ""
        return f"ISO 8601 date and time{zone}"

    def fits(self, column, value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return False
        return (moment.tzinfo is not None) == ("," in column.dtype)

    def array(self, column, values):
        import pandas as pd  # only where a frame is needed at all

        moments = [None if value is None else datetime.fromisoformat(value) for value in values]
        return pd.Series(pd.to_datetime(moments, utc="," in column.dtype)).astype(column.dtype).array


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


NUMPY = frozenset(
    ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float32", "float64"]
)

KINDS = {
    "number": Number(),
    "integer": Integer(),
    "boolean": Boolean(),
    "category": Category(),
    "text": Text(),
    "datetime": Datetime(),
}
