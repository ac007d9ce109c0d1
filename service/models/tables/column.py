"""A column of a model's table: which JSON values it takes, and the array they become.

    column = Column("age", "number", "float64", nullable=True)
    column.fits(31)          # True; column.fits("31") is False, and so is column.fits(True)
    column.array([31, None]) # array([31., nan])

Coercion loses nothing: text that looks like a number is not a number, true is
not 1, a whole number stands for a float only where the float is exactly it.
"""

import json
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property

from .column_types import COLUMN_KINDS

__all__ = ["ABSENT", "Column", "shown"]

ABSENT = object()  # the cell of a row that does not have the column at all
SHOWN = 80  # characters of a wrong value repeated to the caller


def shown(value):
    """A wrong value as JSON text, cut short; what a violation says it `got`."""
    if value is ABSENT:
        return "nothing"
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:  # what a parser nests, a printer may not
        return "something nested too deeply to show"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


@dataclass(frozen=True)
class Column:
    """One column of a model's table, as it was when the model was fitted.

    `dtype` is the pandas (or numpy) name of the fitted column's dtype. `accepts_unknown`
    is the encoder's own policy for values outside `categories`. `missing` is how an object
    column spelled a missing value: "nan" or "None". `missing_texts` are what stood for one in the
    sample's CSV, such as "NA": in a column of texts or categories they are missing cells in every
    format, since a category of that name there was none. `unread`: the model never looks at it, so
    a row need not have it, and may have anything there. `label` is the column's name in the fitted
    frame where that was no text. `statistics` never decides anything: minimum, maximum,
    quantiles, missing_rate of the sample.
    """

    name: str
    kind: str
    dtype: str
    nullable: bool = False
    categories: tuple | None = None
    ordered: bool = False
    accepts_unknown: bool = False
    missing: str = "nan"
    missing_texts: tuple = ()
    unread: bool = False
    label: int | float | bool | None = None
    statistics: dict = field(default_factory=dict, compare=False)

    @classmethod
    def from_json(cls, entry):
        known = {key: entry[key] for key in FIELDS if key in entry}
        for several in ("categories", "missing_texts"):
            if known.get(several) is not None:
                known[several] = tuple(known[several])
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
        return COLUMN_KINDS[self.kind]

    @cached_property
    def types(self):
        """The Python types, as JSON gives them, that a cell may have."""
        return frozenset(self.takes.types_of(self)) | ({type(None)} if self.nullable else set())

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

    def all_fit(self, values):
        """Whether every cell fits, where that is quickly seen; False means: look at each."""
        types = set(map(type, values))
        return types <= self.types and self.takes.all_fit(self, values, types)

    def with_holes(self, values):
        """The cells with None for the texts that stood for a missing cell in the sample, but in columns of numbers.

        There a text is no cell in JSON, and CSV has made None of it already.
        """
        if self.kind not in ("text", "category"):
            return values
        return [None if type(value) is str and value in self.missing_texts else value for value in values]

    def array(self, values):
        """Cells that all fit -> what the fitted column was: shape [n], dtype as `dtype` says."""
        return self.takes.array(self, values)

    def codes(self, values):
        """Cells that all fit -> floats: numbers and truth values as they are, a missing number NaN.

        A category is its place among the categories; with n of them, a missing one is n, any other n + 1.
        """
        if self.categories is None:
            if self.dtype in ("float32", "float16"):
                values = self.array(values).tolist()  # the model was fitted on numbers rounded so
            return [math.nan if value is None else value for value in values] if None in values else values
        missing, other = len(self.categories), len(self.categories) + 1
        return [missing if value is None else self.places.get(value, other) for value in values]

    @cached_property
    def places(self):
        """{category: its place}."""
        return {category: place for place, category in enumerate(self.categories or ())}

    def strangers(self, values):
        """The distinct cells outside the known categories that the encoder lets pass."""
        if not (self.categories and self.accepts_unknown):
            return set()
        return set(values) - self.known - {None}


SILENT = {
    "categories": None,
    "ordered": False,
    "accepts_unknown": False,
    "missing": "nan",
    "missing_texts": (),
    "unread": False,
    "label": None,
}
FIELDS = ("name", "kind", "dtype", "nullable", *SILENT)
