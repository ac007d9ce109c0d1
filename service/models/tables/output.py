"""What a model's methods return, as plain JSON-ready values: one value a row.

Output("float64", [None, 2], labels=["no", "yes"]).plain(np.array([[0.2, 0.8]]))
# [{"no": 0.2, "yes": 0.8}]
"""

import math
from dataclasses import dataclass
from heapq import nlargest
from operator import itemgetter

import numpy as np

from ...errors import PredictionFailed
from .column import shown
from .plain_values import PLAIN_KINDS, dense, plain_values

__all__ = ["NUMBERS", "PROMISED", "NotFinite", "Output", "close", "largest"]

PROMISED = 1e-6  # relative: how far a number may be from the same model's elsewhere
NUMBERS = ("number", "integer")  # the dtypes of an Output that are numbers
NO_NUMBERS = ("string", "boolean")


class NotFinite(ValueError):
    """A model's answer is NaN or infinite where its manifest declares a number."""


@dataclass(frozen=True)
class Output:
    """One method's answer.

    `dtype`: number, integer, boolean, string, or object, which is any other JSON value. `shape` has
    None for the rows. `labels`: the keys of a row's scores: a list for one target, a list of lists
    for several; None where rows are plain values. `targets` names the targets; without labels, a row
    has one value for each. `nullable`: true where a number may be NaN or infinite, which is null in JSON.
    """

    dtype: str
    shape: list
    labels: list | None = None
    targets: list | None = None
    nullable: bool | None = None

    def check(self, raw, rows):
        """What the method returned for so many rows, which must be one value a row of the declared type.

        A model may give one row's answer bare, without the list around it; the list is put around it here.
        Raises PredictionFailed where it is anything else, and NotFinite where a number is NaN or infinite and may
        not be.
        """
        if self._by_target(raw):
            for part in raw:
                self._check(part, rows)
            return raw
        return self._check(raw, rows)

    def _by_target(self, raw):
        return self.targets is not None and self.labels is not None and isinstance(raw, list)

    def _check(self, part, rows):
        array = part if type(part) is np.ndarray else dense(part)
        if array.shape[:1] != (rows,):
            if rows != 1 or part is None or array.shape != tuple(self.shape[1:]):
                raise PredictionFailed(f"the model gave {count(array)} for {rows} rows")
            part = array = array[None]
        if self.dtype in NO_NUMBERS and array.dtype.kind in "iuf":
            declared = "a text" if self.dtype == "string" else "true or false"
            raise PredictionFailed(
                f"the model gave {shown(array.ravel()[0].item())} where its manifest declares {declared}"
            )
        if self.dtype not in NUMBERS or array.dtype.kind in "iub":
            return part
        if array.dtype.kind != "f":
            return self._check_objects(part, array)
        if not self.nullable and not np.isfinite(array).all():
            raise NotFinite("the model's answer is NaN or infinite")
        return part

    def _check_objects(self, part, array):
        """Numbers of other kinds than numpy's, such as decimals: as `_check`."""
        for value in np.array(plain_values(array), dtype=object).ravel().tolist():
            if not (value is None or type(value) in (int, float, bool)):
                raise PredictionFailed(f"the model gave {shown(value)} where its manifest declares a number")
            if not self.nullable and (value is None or not math.isfinite(value)):
                raise NotFinite("the model's answer is missing, NaN or infinite")
        return part

    def plain(self, raw, top_k=None):
        """What the method returned (array, sparse matrix, frame, list of arrays by target) -> one plain value a row."""
        if self.labels is None:
            values = plain_values(dense(raw))
            return values if self.targets is None else [dict(zip(self.targets, row, strict=True)) for row in values]
        if self.targets is None:
            return keyed(dense(raw), self.labels, top_k)
        by_target = [keyed(dense(part), labels, top_k) for part, labels in zip(raw, self.labels, strict=True)]
        return [dict(zip(self.targets, row, strict=True)) for row in zip(*by_target, strict=True)]

    def arrays(self, raw):
        """The same without the labels in it: a list of (target or None, values, labels or None).

        values: ndarray [rows] or [rows, k] of numbers, truth values or texts; else a list, one plain value a row.
        """
        if self.labels is None:
            array = dense(raw)
            return [(None, array if array.dtype.kind in PLAIN_KINDS else plain_values(array), self.targets)]
        if self.targets is None:
            return [(None, dense(raw), self.labels)]
        parts = zip(self.targets, raw, self.labels, strict=True)
        return [(target, dense(part), labels) for target, part, labels in parts]


def count(array):
    return f"{len(array)} answers" if array.ndim else type(array.item()).__name__


def keyed(array, labels, top_k):
    rows = array.tolist()
    if top_k is None:
        return [dict(zip(labels, row, strict=True)) for row in rows]
    return [dict(nlargest(top_k, zip(labels, row, strict=True), key=itemgetter(1))) for row in rows]


def close(found, wanted, relative=PROMISED, absolute=1e-9):
    """Whether two plain answers are the same: labels exactly, floats to 1e-6 relative.

    Another processor adds in another order, so the last bits of a float are not promised.
    NaN answers are null once stored, and equal here.
    """
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(close(found[k], wanted[k], relative, absolute) for k in wanted)
        )
    if isinstance(wanted, list):
        same_length = isinstance(found, list) and len(found) == len(wanted)
        return same_length and all(close(*pair, relative, absolute) for pair in zip(found, wanted, strict=True))
    if wanted is None:
        return found is None or (isinstance(found, float) and not math.isfinite(found))
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=relative, abs_tol=absolute)
    return found == wanted


def largest(value):
    """The largest number in a plain answer, without its sign; 0 where it holds none."""
    if isinstance(value, dict | list):
        return max(map(largest, value.values() if isinstance(value, dict) else value), default=0.0)
    return abs(value) if isinstance(value, float) else 0.0
