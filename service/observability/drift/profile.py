"""The profile of a training sample: how the values of each column and each output are distributed over bins.

    feature = of_numbers("age", values)                    # float64 [rows] of the sample
    feature = of_places("city", places, ["Oslo", "Rome"])  # places among the categories
    feature.to_json()                                      # what a version's profile.json has of it

    bins = Bins([feature, ...])
    bins.count(rows)                # int64 [bins.width] for float64 [rows, features]

Each feature has as many counters as bins, and two before them: cells that are missing, and strange ones, which are
numbers outside the sample's range, or categories that are not known. A strange number counts in its bin as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["FIRST", "MISSING", "STRANGE", "Bins", "Feature", "features_of", "of_numbers", "of_places", "of_presence"]

QUANTILES = 10  # bins of a number
FEW = 12  # distinct numbers that have a bin each
LISTED = 20  # bins of categories; the last is for all further known ones
LEAST = 0.01  # share of the sample that a category needs for a bin of its own
ROUNDED = 1e-9  # relative to the numbers
MISSING, STRANGE, FIRST = 0, 1, 2  # the counters of a feature


@dataclass(frozen=True)
class Feature:
    """One column, or one number of an output.

    counts: of the sample, a bin each. missing: cells. strange: about how many of so many rows are to be expected
    strange without any drift. edges: of numbers, between the bins; lowest, highest: their range, or None where any
    number is taken. places: of categories, the place of each bin's among all known ones; known: how many there are.
    labels: of the bins, for people.
    """

    name: str
    counts: list[int]
    missing: int
    strange: float
    labels: list[str]
    edges: list[float] | None = None
    lowest: float | None = None
    highest: float | None = None
    places: list[int] | None = None
    known: int = 0

    @property
    def rows(self) -> int:
        return sum(self.counts) + self.missing

    @property
    def width(self) -> int:
        """How many counters it has."""
        return FIRST + len(self.counts)

    @property
    def range(self) -> tuple[float, float]:
        """Numbers outside it are strange. An end of the sample may be rounded by a caller, or by another processor."""
        if self.lowest is None or self.highest is None:
            return -np.inf, np.inf
        slack = ROUNDED * max(self.highest - self.lowest, abs(self.highest))
        return self.lowest - slack, self.highest + slack

    @property
    def of_categories(self) -> bool:
        return self.places is not None

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Feature:
        return cls(**entry)

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    def slots(self, values: np.ndarray) -> np.ndarray:
        """float64 [rows] -> int64 [rows]: the counter of each."""
        if self.places is None:
            slots = FIRST + np.searchsorted(self.edges or (), values)
            slots[np.isnan(values)] = MISSING
            return slots
        table = np.full(self.known + 2, FIRST + len(self.places), dtype=np.int64)
        table[self.places] = FIRST + np.arange(len(self.places))
        table[self.known :] = MISSING, STRANGE
        return table[values.astype(np.int64)]


def of_numbers(name: str, values: np.ndarray) -> Feature:
    """A feature of float64 [rows]; NaN is missing, infinite ones are left out. Bins hold about as many rows each.

    A bin ends in the middle between two numbers of the sample, so that a number rounded otherwise stays in its bin.
    """
    present = np.sort(values[np.isfinite(values)])
    distinct = np.unique(present)
    if len(distinct) <= FEW:
        upper, labels = distinct, [f"{value:g}" for value in distinct] or ["any"]
    else:
        places = np.ceil(np.arange(1, QUANTILES) * len(present) / QUANTILES).astype(int) - 1
        upper, labels = np.unique([*present[places], present[-1]]), []
    above = distinct[np.searchsorted(distinct, upper[:-1]) + 1]
    edges = upper[:-1] + (above - upper[:-1]) / 2
    counts = np.bincount(np.searchsorted(edges, present), minlength=len(edges) + 1)
    return Feature(
        name,
        counts.tolist(),
        int(np.isnan(values).sum()),
        2.0,  # a further row is as likely the largest as any row of the sample, and as likely the smallest
        labels or between(edges.tolist()),
        edges.tolist(),
        float(present[0]) if len(present) else None,
        float(present[-1]) if len(present) else None,
    )


def of_places(name: str, places: np.ndarray, categories: Sequence[Any]) -> Feature:
    """A feature of categories; places: of each row's, len(categories) where it is missing, one more where unknown."""
    known = len(categories)
    found = np.bincount(places.astype(np.int64), minlength=known + 2)
    order = np.argsort(-found[:known], kind="stable").tolist()
    listed = [place for place in order[: LISTED - 1] if found[place] >= LEAST * len(places)]
    rest = int(found[:known].sum() - found[listed].sum())
    others = known > len(listed)
    return Feature(
        name,
        [*found[listed].tolist(), *([rest] if others else [])],
        int(found[known]),
        # By Good and Turing, rows of categories never seen are as many as categories seen once.
        float(found[known + 1] + (found[:known] == 1).sum()),
        [*(str(categories[place]) for place in listed), *(["others"] if others else [])],
        places=listed,
        known=known,
    )


def of_presence(name: str, missing: np.ndarray) -> Feature:
    """A feature of which only missing cells count: that dates go on is no drift. missing: bool [rows]."""
    return Feature(name, [int((~missing).sum())], int(missing.sum()), 0.0, ["any"], [])


def between(edges: list[float]) -> list[str]:
    """The bins between these edges, for people."""
    texts = [f"{edge:.4g}" for edge in edges]
    inner = [f"{low} to {high}" for low, high in pairwise(texts)]
    return [f"up to {texts[0]}", *inner, f"above {texts[-1]}"]


class Bins:
    """The counters of several features, one behind the other."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self.features = tuple(features)
        widths = [feature.width for feature in self.features]
        self.starts = np.cumsum([0, *widths])[:-1]
        self.width = sum(widths)
        ranges = [feature.range for feature in self.features]
        self._lowest, self._highest = np.array(ranges, dtype=np.float64).reshape(-1, 2).T

    def slots(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """float64 [rows, features] -> (int64, bool [rows, features]): each cell's counter; whether it is a number
        outside the sample's range.
        """
        slots = np.empty(rows.shape, dtype=np.int64)
        for place, feature in enumerate(self.features):
            slots[:, place] = feature.slots(rows[:, place])
        slots += self.starts
        return slots, (rows < self._lowest) | (rows > self._highest)

    def total(self, slots: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """int64 [width]: the counts of some rows of what `slots` gave."""
        counts = np.bincount(slots.ravel(), minlength=self.width)
        counts[self.starts + STRANGE] += outside.sum(axis=0)
        return counts

    def count(self, rows: np.ndarray) -> np.ndarray:
        return self.total(*self.slots(rows))


def features_of(content: Mapping[str, Any]) -> tuple[Bins, int]:
    """(what is counted by a version's profile, the place at which the features of outputs begin, behind the columns).

    content: of its file.
    """
    columns = [Feature.from_json(entry) for entry in content["columns"]]
    outputs = [Feature.from_json(entry) for output in content["outputs"].values() for entry in output["features"]]
    return Bins([*columns, *outputs]), len(columns)
