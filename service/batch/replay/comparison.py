"""Two answers to each of many rows, and how far they are apart.

    comparison = Comparison()
    comparison.add("predict", was="yes", now="no", row=lambda: {"inputs": {...}})
    comparison.outputs["predict"].changed       # 1

Numbers are the same where they differ by no more than another processor's rounding; of scores by label the largest
difference counts.
"""

from __future__ import annotations

import heapq
import math
import random
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from ...models.tables.output import close

__all__ = ["Comparison", "OutputChanges", "apart"]

TOLD = 20  # rows that change most
DRAWN = 2000  # pairs of numbers that a plot shows
PAIRS = 400  # pairs of labels that are told apart
OTHER = "(other)"


@dataclass
class OutputChanges:
    """Of one output. labels: {(was, now): rows}, of answers that are no numbers. differences: now - was of numbers, the
    largest of a row's scores without sign. pairs: some (was, now) of numbers, drawn at random. most: the rows that
    change most, as (how much, place, {"was", "now", "row"}).
    """

    rows: int = 0
    changed: int = 0
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    differences: array[float] = field(default_factory=lambda: array("d"))
    pairs: list[tuple[float, float]] = field(default_factory=list)
    most: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """JSON-ready: counts, the differences' quantiles, the changes of labels, the rows that change most."""
        told: dict[str, Any] = {"rows": self.rows, "changed": self.changed}
        if len(self.differences):
            found = np.abs(np.frombuffer(self.differences))
            told["differences"] = {
                "median": float(np.median(found)),
                "p99": float(np.quantile(found, 0.99)),
                "max": float(found.max()),
                "mean": float(np.mean(np.frombuffer(self.differences))),
            }
        if self.labels:
            told["labels"] = [
                {"was": was, "now": now, "rows": rows} for (was, now), rows in self.labels.most_common() if was != now
            ]
        told["most"] = [one for _, _, one in sorted(self.most, key=lambda each: (-each[0], -each[1]))]
        return told


class Comparison:
    """outputs: {name: OutputChanges}. versions: {version that answered: rows}. refused: rows that the new version does
    not take; reasons: some of why. rows: that were compared."""

    def __init__(self) -> None:
        self.outputs: dict[str, OutputChanges] = {}
        self.versions: Counter[str] = Counter()
        self.rows = self.refused = 0
        self.reasons: Counter[str] = Counter()
        self._places = count()
        self._random = random.Random(1)

    def add(self, output: str, was: Any, now: Any, row: Callable[[], dict[str, Any]]) -> None:
        """One row's answers. row: gives what is told of it, where it is among those that change most."""
        if isinstance(was, dict) and isinstance(
            now, dict
        ):  # of the most probable labels alone, where so few were asked
            now = {key: value for key, value in now.items() if key in was}
        found = self.outputs.setdefault(output, OutputChanges())
        found.rows += 1
        changed = not close(now, was)
        found.changed += changed
        far = float(changed)
        if (difference := apart(was, now)) is not None:
            found.differences.append(difference)
            far = abs(difference) * changed
            if is_number(was):
                self._draw(found, (float(was), float(now)))
        else:
            pair = str(was), str(now)
            found.labels[pair if pair in found.labels or len(found.labels) < PAIRS else (OTHER, OTHER)] += 1
        if changed and (len(found.most) < TOLD or far > found.most[0][0]):
            entry = far, -next(self._places), {"was": was, "now": now, **row()}
            (heapq.heappush if len(found.most) < TOLD else heapq.heappushpop)(found.most, entry)

    def refuse(self, reason: str) -> None:
        """A row that the new version does not take."""
        self.refused += 1
        if reason in self.reasons or len(self.reasons) < TOLD:
            self.reasons[reason] += 1

    def _draw(self, found: OutputChanges, pair: tuple[float, float]) -> None:
        """Keep a sample of all pairs, each with the same chance."""
        if len(found.pairs) < DRAWN:
            found.pairs.append(pair)
        elif (place := self._random.randrange(found.rows)) < DRAWN:
            found.pairs[place] = pair

    def summary(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "refused": self.refused,
            "reasons": dict(self.reasons.most_common()),
            "versions": dict(self.versions),
            "outputs": {name: found.summary() for name, found in self.outputs.items()},
        }


def is_number(value: Any) -> bool:
    """Whole numbers are labels, mostly."""
    return type(value) is float and math.isfinite(value)


def apart(was: Any, now: Any) -> float | None:
    """now - was of two numbers; the largest difference of two objects of numbers; None where they are neither."""
    if isinstance(was, dict) and isinstance(now, dict) and was:
        found = [apart(value, now.get(key, 0.0)) for key, value in was.items()]
        return None if None in found else max(abs(each) for each in found if each is not None)
    return now - was if is_number(was) and is_number(now) else None
