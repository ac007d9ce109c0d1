"""Prove a compiled graph equal to scikit-learn: compare every output, row by row.

    evidence = compare(expected, actual, labeled=True, tolerance=1e-9, typical=100, tied=np.zeros(500, bool))

Numbers may differ by the tolerance, relative to the number itself or, where it is small, to what is typical of that
output. Labels must be equal wherever scikit-learn's own margin (between its two best scores) is larger than the
largest difference measured in those scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.tables.column import shown
from ..models.tables.plain_values import dense, plain_values

__all__ = ["Evidence", "Unequal", "by_target", "compare", "margins", "parts", "plain_labels"]

TINY = 1e-300


class Unequal(ValueError):
    """Where the graph's answer differs from scikit-learn's, in a form to stand after "because"."""


@dataclass(frozen=True)
class Evidence:
    """What a comparison has shown.

    measured: the largest relative difference. close_rows: rows whose label is within the difference of another one.
    ties: rows whose two best scores are the same. clear [rows]: all other rows.
    """

    measured: float
    close_rows: int
    ties: int
    clear: np.ndarray


def compare(
    expected: dict[str, Any],
    actual: dict[str, Any],
    *,
    labeled: bool,
    tolerance: float,
    typical: int,
    tied: np.ndarray,
) -> Evidence:
    """{method: scikit-learn's answer}, {method: the graph's} -> Evidence. Raises Unequal.

    labeled: whether predict gives labels. typical: how many of the first rows are ordinary ones. tied [rows]: rows
    where scikit-learn itself decides by rounding; they prove nothing, and are counted.
    """
    measured, absolute = 0.0, {}
    for method, answer in expected.items():
        if method == "predict" and labeled:
            continue
        for one, other in zip(parts(answer), parts(actual[method]), strict=True):
            relative, absolute[method] = difference(method, one, other, typical, tolerance, tied)
            measured = max(measured, relative)
    if not labeled or "predict" not in expected:
        return Evidence(measured, 0, int(tied.sum()), ~tied)
    return label_agreement(expected, actual["predict"], measured, absolute, tied)


def label_agreement(
    expected: dict[str, Any], predicted: Any, measured: float, absolute: dict[str, float], tied: np.ndarray
) -> Evidence:
    """The Evidence of labels: they are equal, but for tied rows and those too close to call. Raises Unequal.

    absolute: {method: the largest absolute difference of its scores}.
    """
    labels, others = plain_labels(expected["predict"]), plain_labels(predicted)
    if labels.shape != others.shape:
        raise Unequal(f"predict has the shape {others.shape}, not {labels.shape}")
    wrong = by_target(labels != others) & ~tied[:, None]
    margin = close = None
    if (scores := margins(expected)) is not None:
        method, per_target = scores
        margin = by_target(per_target)
        close = margin <= 2 * absolute[method]  # each of two scores may be off by so much
        wrong &= ~(close if close.shape == wrong.shape else close.any(axis=1, keepdims=True))
    if wrong.any():
        row = int(np.argmax(wrong.any(axis=1)))
        raise Unequal(f"predict is {shown(others[row].tolist())} where scikit-learn says {shown(labels[row].tolist())}")
    if margin is None or close is None:
        return Evidence(measured, 0, int(tied.sum()), ~tied)
    close_rows = close.any(axis=1)
    ties = tied | (close_rows & (margin.min(axis=1) == 0))
    return Evidence(measured, int((close_rows & ~ties).sum()), int(ties.sum()), ~(close_rows | tied))


def plain_labels(answer: Any) -> np.ndarray:
    """Labels as callers see them: a graph's are plain already, scikit-learn's may be bytes or dates."""
    array = dense(answer)
    return np.array(plain_values(array)) if array.dtype.kind in "SMO" else array


def by_target(array: np.ndarray) -> np.ndarray:
    """[rows] or [rows, targets] -> [rows, targets]."""
    return array.reshape(len(array), -1)


def parts(answer: Any) -> list[np.ndarray]:
    """An answer as a list of arrays of floats or labels: one a target where it comes so."""
    return [dense(part) for part in answer] if isinstance(answer, list) else [dense(answer)]


def difference(
    method: str, expected: np.ndarray, actual: np.ndarray, typical: int, tolerance: float, tied: np.ndarray
) -> tuple[float, float]:
    """(largest relative difference, largest absolute one). Raises Unequal beyond the tolerance."""
    if expected.shape != actual.shape:
        raise Unequal(f"{method} has the shape {actual.shape}, not {expected.shape}")
    expected, actual = expected.astype(np.float64), actual.astype(np.float64)
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    same |= tied.reshape(-1, *[1] * (same.ndim - 1))
    usual = np.abs(expected[:typical])
    scale = usual[np.isfinite(usual)].mean() if np.isfinite(usual).any() else 0.0
    with np.errstate(all="ignore"):
        absolute = np.where(same, 0.0, np.abs(expected - actual))
        relative = absolute / np.maximum(np.maximum(np.abs(expected), scale), TINY)
    relative = np.where(same, 0.0, np.where(np.isnan(relative), np.inf, relative))
    worst = float(relative.max(initial=0.0))
    if worst > tolerance:
        place = np.unravel_index(int(relative.argmax()), relative.shape)
        raise Unequal(
            f"{method} is {shown(actual[place].tolist())} where scikit-learn says {shown(expected[place].tolist())}"
        )
    return worst, float(absolute[np.isfinite(absolute)].max(initial=0.0))


def margins(expected: dict[str, Any]) -> tuple[str, np.ndarray] | None:
    """(the method whose scores decide, how far each row is from another label), or None.

    [rows], or [rows, targets] where each target has scores of its own.
    """
    for method in ("decision_function", "predict_proba", "transform"):
        if method not in expected:
            continue
        labels = dense(expected["predict"])
        each = parts(expected[method])
        if len(each) > 1:
            return method, np.column_stack([gap(part) for part in each])
        scores = each[0].astype(np.float64)
        if method == "transform":
            scores = -scores  # distances to the centers of a clustering: the nearest one decides
        if scores.ndim == 2 and labels.ndim == 2:  # each label is on or off by itself
            return method, np.abs(scores if method == "decision_function" else 2 * scores - 1)
        return method, gap(scores)
    return None


def gap(scores: np.ndarray) -> np.ndarray:
    """[rows]: the distance between the two best scores, or of a single score from 0."""
    if scores.ndim == 1 or scores.shape[1] == 1:
        return np.abs(scores.reshape(-1))
    best = np.partition(scores, -2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(best[:, 1] - best[:, 0], nan=0.0)
