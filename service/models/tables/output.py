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

__all__ = ["NUMBERS", "NotFinite", "Output", "close", "dense", "label_key"]

NUMBERS = ("number", "integer")  # the dtypes of an Output that are numbers

PLAIN_KINDS = frozenset("biufU")  # numpy's letters for the dtypes whose tolist() is JSON already


def label_key(label):
    """A class label as a JSON object's key."""
    if isinstance(label, bool | np.bool_):
        return "true" if label else "false"
    return str(label)


class NotFinite(ValueError):
    """A model's answer is NaN or infinite where its manifest declares a number."""


@dataclass(frozen=True)
class Output:
    """One method's answer.

    `shape` has None for the rows. `labels`: the keys of a row's values: a list for one target,
    a list of lists for several; None where rows are plain values. `targets` names the targets.
    `nullable`: true where a number may be NaN or infinite, which is null in JSON.
    """

    dtype: str
    shape: list
    labels: list | None = None
    targets: list | None = None
    nullable: bool | None = None

    def check(self, raw, rows):
        """Raise PredictionFailed unless the method returned one value a row of the declared type.

        Raises NotFinite where a number is NaN or infinite and may not be.
        """
        for part in raw if self.targets is not None and isinstance(raw, list) else [raw]:
            array = part if type(part) is np.ndarray else dense(part)
            if array.shape[:1] != (rows,):
                raise PredictionFailed(f"the model gave {count(array)} for {rows} rows")
            if self.dtype not in NUMBERS or array.dtype.kind in "iub":
                continue
            if array.dtype.kind != "f":
                raise PredictionFailed(f"the model gave {shown(array.ravel()[0])} where its manifest declares a number")
            if not self.nullable and not np.isfinite(array).all():
                raise NotFinite("the model's answer is NaN or infinite")

    def plain(self, raw, top_k=None):
        """What the method returned (array, sparse matrix, frame, list of arrays by target) -> one plain value a row."""
        if self.labels is None:
            array = dense(raw)
            return array.tolist() if array.dtype.kind in PLAIN_KINDS else [plain(value) for value in array.tolist()]
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
            return [(None, array if array.dtype.kind in PLAIN_KINDS else self.plain(array), None)]
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


def plain(value):
    """One value of an array of objects, dates or bytes, as JSON has it."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if type(value).__name__ in ("NAType", "NaTType"):  # what pandas calls missing, told without importing pandas
        return None
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def dense(raw):
    """Whatever a scikit-learn method returns as an ndarray."""
    if hasattr(raw, "toarray"):
        raw = raw.toarray()
    array = np.asarray(raw)
    return array.astype("datetime64[us]") if array.dtype.kind == "M" else array  # of nanoseconds numpy makes integers


def close(found, wanted):
    """Whether two plain answers are the same: labels exactly, floats to 1e-6 relative.

    Another processor adds in another order, so the last bits of a float are not promised.
    NaN answers are null once stored, and equal here.
    """
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(close(found[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(close, found, wanted))
    if wanted is None:
        return found is None or (isinstance(found, float) and not math.isfinite(found))
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)
    return found == wanted
