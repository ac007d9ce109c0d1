"""What the counts of the last rows say against the training sample: which columns and outputs have drifted, and how.

    findings = judge(bins, counts, of_outputs=30)
    findings[0].psi, findings[0].reasons       # 1.31, ["PSI 1.31, where up to 0.24 is expected"]

Three measures of a feature: the share of missing cells, the share of strange ones (numbers outside the sample's range,
categories that are not known), and the population stability index (PSI) of the others over the sample's bins. Each has
a bound that leaves room for chance, at five standard deviations: a server with a hundred columns looks many times.

Of outputs, the labels are judged and the numbers only shown: a model's scores for the rows that it was fitted on are
surer than for any others, so they differ from the sample's without any drift.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np

from .profile import FIRST, MISSING, STRANGE, Bins, Feature

__all__ = ["FEWEST", "Finding", "judge"]

FEWEST = 200  # rows; of fewer, nothing is said
ACCEPTED = 0.1  # PSI that is no drift, by the convention of those who use it; above 0.25 it is a large one
MARGIN = 0.01  # share of the cells that may be missing or strange beyond what the sample leads to expect
SIGMAS = 5.0  # of chance: 1 in 3.5 million


@dataclass(frozen=True)
class Finding:
    """A feature of the last rows. of: "column" or "output". rows: of the window, that had it.

    shares: of its bins, among the cells that are in one; expected: the sample's. missing, strange: shares of all cells.
    reasons: in what it has drifted, a sentence each; empty: in nothing.
    """

    feature: Feature
    of: str
    rows: int
    missing: float
    strange: float
    psi: float
    shares: list[float]
    expected: list[float]
    reasons: list[str] = field(default_factory=list)

    @property
    def judged(self) -> bool:
        """Whether its distribution is: that of an output's numbers is only shown."""
        return self.of == "column" or self.feature.of_categories

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.feature.name,
            "of": self.of,
            "rows": self.rows,
            "judged": self.judged,
            "psi": round(self.psi, 4),
            "missing": round(self.missing, 6),
            "strange": round(self.strange, 6),
            "missing_in_sample": round(self.feature.missing / max(self.feature.rows, 1), 6),
            "bins": [
                {"bin": label, "share": round(share, 6), "in_sample": round(expected, 6)}
                for label, share, expected in zip(self.feature.labels, self.shares, self.expected, strict=True)
            ],
            "drifted": self.reasons,
        }


def judge(bins: Bins, counts: np.ndarray, of_outputs: int) -> list[Finding]:
    """One finding for each feature, those that have drifted first, then by PSI. counts: int64 [bins.width].

    of_outputs: the place at which the features of outputs begin.
    """
    findings = [
        judged(feature, counts[start : start + feature.width], "output" if place >= of_outputs else "column")
        for place, (feature, start) in enumerate(zip(bins.features, bins.starts.tolist(), strict=True))
    ]
    return sorted(findings, key=lambda found: (-len(found.reasons), -found.psi))


def judged(feature: Feature, counts: np.ndarray, of: str) -> Finding:
    in_bins = counts[FIRST:]
    present, missing, strange = int(in_bins.sum()), int(counts[MISSING]), int(counts[STRANGE])
    rows = present + missing + (strange if feature.of_categories else 0)
    psi, allowed = stability(in_bins, np.array(feature.counts))
    reasons = []
    if rows >= FEWEST:
        if unlikely(missing, rows, feature.missing, feature.rows):
            was = f"{feature.missing / feature.rows:.1%} of the sample"
            reasons.append(f"{missing / rows:.1%} are missing, and {was}")
        more = strange > rows * feature.strange / feature.rows  # fewer than in the sample are no drift
        if of == "column" and more and unlikely(strange, rows, feature.strange, feature.rows):
            what = "of unknown categories" if feature.of_categories else "outside the sample's range"
            reasons.append(f"{strange / rows:.1%} are {what}")
        if present >= FEWEST and psi > allowed and (feature.of_categories or of == "column"):
            reasons.append(f"PSI {psi:.2f}, where up to {allowed:.2f} is expected")
    total = max(rows, 1)
    shares, expected = (array / max(array.sum(), 1) for array in (in_bins, np.array(feature.counts)))
    return Finding(
        feature, of, rows, missing / total, strange / total, psi, shares.tolist(), expected.tolist(), reasons
    )


def unlikely(found: int, rows: int, seen: float, sample: int) -> bool:
    """Whether so many cells of so many rows are too many, or too few, where the sample had `seen` of `sample`."""
    rate = (seen + 1) / (sample + 2)  # of few rows nobody knows it exactly
    spread = rate * (1 - rate) / sample
    high, low = min(rate + MARGIN, 1.0), max(rate - MARGIN, 0.0)
    above = rows * high + SIGMAS * sqrt(rows * high * (1 - high) + rows**2 * spread)
    below = rows * low - SIGMAS * sqrt(rows * low * (1 - low) + rows**2 * spread)
    return found > above or found < below


def stability(counts: np.ndarray, sample: np.ndarray) -> tuple[float, float]:
    """(PSI of the rows' bins against the sample's, the largest that is no drift).

    Of two samples of one distribution, n and m rows over k bins, PSI / (1/n + 1/m) is about chi-squared with k - 1
    degrees of freedom (Yurdakul, "Statistical properties of the population stability index", 2018); its quantile is by
    Wilson and Hilferty. Half a row is added to each bin, so that an empty one is no infinite difference.
    """
    n, m, bins = int(counts.sum()), int(sample.sum()), len(sample)
    if bins < 2 or not n or not m:
        return 0.0, ACCEPTED
    shares, expected = (counts + 0.5) / (n + bins / 2), (sample + 0.5) / (m + bins / 2)
    psi = float(((shares - expected) * np.log(shares / expected)).sum())
    free = bins - 1
    quantile = free * (1 - 2 / (9 * free) + SIGMAS * sqrt(2 / (9 * free))) ** 3
    return psi, ACCEPTED + quantile * (1 / n + 1 / m)
