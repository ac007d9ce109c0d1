"""The column plan: rows of JSON -> the array or frame the model was fitted on.

    plan = ColumnPlan([Column("a", "number", "float64"), Column("b", "number", "float64")], "array")
    plan.read([{"b": 2, "a": 1.5}]).values   # array([[1.5, 2. ]])
    plan.read([{"a": "1.5"}])                # InvalidInstances: both what is wrong and what is missing

Rows come as a list of objects, a list of lists or an ndarray in the fitted order, an
object of columns, or (one column only) bare values. All violations are found in one pass.

There are three ways through. For models of numbers, rows of JSON are decoded by the contract itself
(typed_json.py): plan.read_json; where a dialect has arrays of numbers already, plan.read_arrays takes
them. The short way serves tables that are numbers throughout: it asks what types the cells have once,
for all cells together, and makes one array. Whatever surprises either goes the careful way, cell by
cell, which alone decides what is wrong.
"""

import math
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from ...errors import MAX_VIOLATIONS
from .column import ABSENT, shown
from .column_types import EXACT, NUMPY, whole_range
from .rows import Rows
from .typed_json import TypedJson
from .violations import Violations

__all__ = ["CONTAINERS", "ColumnPlan", "Table", "common_dtype"]

CONTAINERS = ("array", "frame", "list", "sparse", "numbers", "objects")
PLAIN = frozenset({int, float})
HOLES = PLAIN | {type(None)}
ROUNDED = ("float16", "float32")
LONGEST = 1_000_000  # characters of a text whose tokens a worker counts itself: it answers nothing else meanwhile
SHORT = frozenset(map(np.dtype, NUMPY - {"bool", "float16"}))  # float16 ends long before EXACT


class Table(NamedTuple):
    """`values`: ndarray, sparse matrix or DataFrame [rows, columns], or ndarray [rows] for a model of one text."""

    values: Any
    rows: int
    warnings: tuple = ()


class ColumnPlan:
    """How rows become what the model was fitted on; built once, used by every request.

    `container`: "array" (ndarray, [rows, columns]), "frame" (DataFrame), "list"
    (ndarray [rows], for vectorisers fitted on a series of texts) or "sparse" (a CSR matrix,
    without the zeros, for models to which an absent cell is no zero). An array of numbers has
    the dtype that numpy gives the fitted columns together; any other array is of objects.
    "numbers" is for compiled models: float64 [rows, columns], categories as their codes; "objects" is the same for
    those that read texts, as an array of objects.
    Columns that the model never reads (`unread`) are not looked at. They are missing in what the
    estimator gets, which may count its columns, and not there at all in what a `compiled` model gets.
    `columns` and `names` are those that are read, `places` where they stand in the table. `reads_numbers`: whether the
    model takes nothing but numbers, in an array, so that read_json and read_arrays may be asked.
    """

    def __init__(self, columns, container, *, compiled=False):
        every = tuple(columns)
        self.columns = tuple(column for column in every if not column.unread)
        self.container = container
        self.names = tuple(column.name for column in self.columns)
        self.rows = Rows(self.columns, every)
        self._every = every if len(every) > len(self.columns) and not compiled else ()
        fitted = self._every or self.columns
        self.places = self.rows.places if self._every else list(range(len(self.names)))
        self._codes = container in ("numbers", "objects")
        self._labels = [column.name if column.label is None else column.label for column in fitted]
        self._pick: Any = itemgetter(*self.names) if len(self.names) > 1 else None
        self._dtype = common_dtype(fitted)
        # A column of float32 beside one of float64 is rounded by itself, which the short way does not.
        rounded = any(column.dtype in ROUNDED and column.dtype != self._dtype for column in self.columns)
        numbers = container in ("array", "numbers") and self._dtype in SHORT and not rounded
        self.reads_numbers = numbers and self._pick is not None and not self._every
        self._not_nullable = np.array([not column.nullable for column in self.columns])
        self._integers = np.flatnonzero([column.kind == "integer" for column in self.columns])
        limits = [whole_range(self.columns[place].dtype) for place in self._integers if self.reads_numbers]
        self._lowest = np.array([lowest for lowest, _ in limits], dtype=np.float64)
        self._highest = np.array([highest for _, highest in limits], dtype=np.float64)
        self._json = TypedJson(self.columns) if self.reads_numbers and TypedJson.fits(self.columns) else None

    def read(self, instances):
        """Rows -> Table, or a Table as it is. Raises InvalidInstances naming every violation."""
        if type(instances) is Table:
            return instances
        return (self.reads_numbers and self._read_numbers(instances)) or self._read_carefully(instances)

    def read_json(self, body, key="instances"):
        """A body of {key: rows} -> (Table, {option: its value}); None where it is none, or to be read carefully."""
        if self._json is None or (found := self._json.read(body, key)) is None:
            return None
        return Table(self._fitted(found.array, found.holes), len(found.array)), found.options

    def read_arrays(self, instances, *, may_miss=False):
        """float64 [rows, columns], or {column: float64 [rows]} -> Table; None as of read_json.

        may_miss: whether a NaN is a missing value; else there is to be none.
        """
        width = len(self.names)
        if type(instances) is dict:
            columns = [instances.get(name) for name in self.names]
            shapes = {getattr(column, "shape", None) for column in columns}
            if len(instances) != width or len(shapes) > 1 or None in shapes:
                return None
            instances = np.array(columns).T.copy()
        fits = type(instances) is np.ndarray and instances.dtype == np.float64 and instances.shape[1:] == (width,)
        fits = fits and self.reads_numbers and len(instances) > 0
        return self._numbers(instances, (), may_miss=may_miss) if fits else None

    def records(self, instances):
        """Rows in any accepted form -> a list of {column: cell} with this model's columns only."""
        cells, _ = self._by_column(instances, Violations())
        return [dict(zip(self.names, row, strict=True)) for row in zip(*cells, strict=True)]

    def _read_numbers(self, instances):
        """The short way: a Table, or None where anything at all is out of the ordinary."""
        if type(instances) is not list or not instances:
            return self._read_array(instances) if type(instances) is np.ndarray else None
        shapes = set(map(type, instances))
        width, warnings = len(self.names), ()
        if shapes == {dict}:
            try:
                cells = list(chain.from_iterable(map(self._pick, instances)))
            except KeyError:
                return None
            if max(map(len, instances)) > width:
                warnings = self.rows.ignored(chain.from_iterable(instances))
        elif shapes == {list} and set(map(len, instances)) == {width}:
            cells = list(chain.from_iterable(instances))
        else:
            return None
        types = set(map(type, cells))
        if not types <= HOLES:
            return None
        try:
            if type(None) in types:
                array = np.array(cells, dtype=np.float64)
            else:  # a quarter quicker, but to it None is no number
                array = np.fromiter(cells, np.float64, count=len(cells))
        except OverflowError:
            return None
        return self._numbers(array.reshape(-1, width), warnings, may_miss=type(None) in types)

    def _read_array(self, instances):
        """The short way for an ndarray [rows, columns]; a NaN is a missing value."""
        if instances.shape != (len(instances) or None, len(self.names)) or instances.dtype.kind not in "fiu":
            return None
        return self._numbers(np.array(instances, dtype=np.float64), (), may_miss=True)  # a copy: a body is read-only

    def _numbers(self, array, warnings, *, may_miss):
        """float64 [rows, columns] -> Table, or None where a value may not fit its column."""
        holes = False
        # The ufunc's own reduction, for one row half the price of max(). False also where there is a NaN.
        if not np.maximum.reduce(np.abs(array), axis=None) < EXACT:
            holes = may_miss and self._holes_allowed(array)
            if not holes:
                return None
        if len(self._integers) and not self._whole(array[:, self._integers]):
            return None
        return Table(self._fitted(array, holes), len(array), warnings)

    def _fitted(self, array, holes):
        """The array in the dtype of the fitted columns; whole numbers with a hole among them stay floats."""
        if self._dtype == array.dtype or (holes and self._dtype.kind != "f"):
            return array
        return array.astype(self._dtype)

    def _holes_allowed(self, array):
        """Whether every NaN stands in a nullable column and the rest is well inside the exact range."""
        holes = np.isnan(array)
        if (holes.any(axis=0) & self._not_nullable).any():
            return False
        return bool((np.abs(array[~holes]) < EXACT).all())

    def _whole(self, cells):
        valid = (cells == np.floor(cells)) & (cells >= self._lowest) & (cells <= self._highest)
        return bool((valid | np.isnan(cells)).all())

    def _read_carefully(self, instances):
        violations = Violations()
        cells, warnings = self._by_column(instances, violations)
        rows = len(cells[0])
        arrays = []
        for column, values in zip(self.columns, cells, strict=True):
            if column.missing_texts:
                values = column.with_holes(values)
            if not column.all_fit(values):
                values = without_nan(values)
                self._check(column, values, violations)
            if self.container == "objects" and column.kind == "text":
                self._check_lengths(column, values, violations)
            if not violations.total:
                arrays.append((column.codes if self._codes else column.array)(values))
                strangers = column.strangers(values)
                if strangers:
                    listed = ", ".join(sorted(map(shown, strangers))[:3])
                    warnings += (f"column {shown(column.name)}: not seen when the model was fitted: {listed}",)
        violations.refuse()
        if self._every:
            given = iter(arrays)
            arrays = [column.array([None] * rows) if column.unread else next(given) for column in self._every]
        return Table(self._assemble(arrays, rows), rows, warnings)

    def _check(self, column, values, violations):
        """Add a violation for every cell that does not fit; one alone where all rows lack the column."""
        wrong = [row for row, value in enumerate(values) if not column.fits(value)]
        if len(wrong) == len(values) > 1 and all(value is ABSENT for value in values):
            violations.add(None, column.name, column.expected, "nothing")
        else:
            for row in wrong[:MAX_VIOLATIONS]:  # row by row, an answer never gets further into one column
                violations.add(row, column.name, column.expected, shown(values[row]))
            violations.total += len(wrong[MAX_VIOLATIONS:])

    def _check_lengths(self, column, values, violations):
        for row, value in enumerate(values):
            if type(value) is str and len(value) > LONGEST:
                violations.add(
                    row, column.name, f"text of at most {LONGEST:,} characters", f"{len(value):,} characters"
                )

    def _by_column(self, instances, violations):
        """Any accepted form of rows -> a list of cells per column that is read, and the warnings."""
        return self.rows.by_column(instances.values if type(instances) is Table else instances, violations)

    def _assemble(self, arrays, rows):
        if self.container == "list":
            return arrays[0]
        if self.container == "numbers":
            return np.ascontiguousarray(np.array(arrays, dtype=np.float64).T)
        if self.container == "frame":
            import pandas as pd  # a worker whose models all take arrays never imports it

            # pandas would turn an object array of texts into its str dtype; the model was fitted on objects
            kept = [pd.Series(one, dtype=object, copy=False) if one.dtype == object else one for one in arrays]
            frame = pd.DataFrame(dict(enumerate(kept)), copy=False)
            frame.columns = self._labels
            return frame
        if self.container == "sparse":
            from scipy.sparse import csr_matrix  # as pandas, for the few models that need it

            return csr_matrix(np.column_stack([np.asarray(array, dtype=np.float64) for array in arrays]))
        if self._dtype is not None:
            dtype = np.result_type(self._dtype, *(array.dtype for array in arrays if isinstance(array, np.ndarray)))
            return np.column_stack([np.asarray(array, dtype=dtype) for array in arrays])
        table = np.empty((rows, len(arrays)), dtype=object)
        for place, array in enumerate(arrays):
            table[:, place] = array
        return table


def common_dtype(columns):
    """The dtype of an array that holds these columns and only numbers, or only truth values; else None."""
    kinds = {column.kind for column in columns}
    if kinds == {"boolean"} and not any(column.nullable for column in columns):
        return np.dtype(bool)
    if not kinds <= {"number", "integer"}:
        return None
    # The nullable dtypes of pandas and Arrow are what scikit-learn makes floats of.
    return np.result_type(*(column.dtype if column.dtype in NUMPY else "float64" for column in columns))


def without_nan(values):
    """Bare NaN, which some clients send for a missing value, as None."""
    if any(type(value) is float and math.isnan(value) for value in values):
        return [None if type(value) is float and math.isnan(value) else value for value in values]
    return values
