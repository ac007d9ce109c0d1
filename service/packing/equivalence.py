"""Prove a compiled graph equal to scikit-learn: every output, on rows chosen to tell them apart.

    rows = Rows(columns, sample).every_kind(answer)
    evidence = compare(wanted, found, outputs, labelled=True, tolerance=1e-9)   # raises Unequal

Numbers may differ by the tolerance, relative to the number itself or, where it is small,
to what is typical of that output. Labels must be equal wherever scikit-learn's own margin
(its top two scores) is larger than the largest difference found in those scores.
"""

from dataclasses import dataclass

import numpy as np

from ..models.tables.column import shown
from ..models.tables.output import dense

__all__ = ["Evidence", "Unequal", "compare"]

TINY = 1e-300


class Unequal(ValueError):
    """Where the graph answers otherwise than scikit-learn, in a form to stand after "because"."""


@dataclass(frozen=True)
class Evidence:
    """`measured`: the largest relative difference. `close_rows`: rows whose label is within the difference
    of another; `ties`: rows whose two best scores are the same. `clear` [rows]: all the others."""

    measured: float
    close_rows: int
    ties: int
    clear: np.ndarray


def compare(wanted, found, *, labelled, tolerance, typical, tied):
    """{method: scikit-learn's raw answer}, {method: the graph's} -> Evidence. Raises Unequal.

    `labelled`: whether predict gives labels. `typical`: how many of the first rows are ordinary ones.
    `tied` [rows]: those where scikit-learn itself decides by rounding; they prove nothing, and are counted.
    """
    measured, absolute = 0.0, {}
    for method, answer in wanted.items():
        if method == "predict" and labelled:
            continue
        for one, other in zip(parts(answer), parts(found[method]), strict=True):
            relative, absolute[method] = difference(method, one, other, typical, tolerance, tied)
            measured = max(measured, relative)
    margin = margins(wanted) if labelled else None
    if not labelled or "predict" not in wanted:
        return Evidence(measured, 0, int(tied.sum()), ~tied)
    labels, others = dense(wanted["predict"]), dense(found["predict"])
    if labels.shape != others.shape:
        raise Unequal(f"predict has the shape {others.shape}, not {labels.shape}")
    wrong = (labels != others) & ~(tied if labels.ndim == 1 else tied[:, None])
    if margin is None:
        blurred = np.zeros(len(labels), dtype=bool)
    else:
        method, margin = margin
        blurred = margin <= 2 * absolute[method]  # each of two scores may be off by so much
        margin = margin.reshape(len(labels), -1).min(axis=1)
        wrong = wrong & ~(blurred if blurred.shape == wrong.shape else rowwise(blurred, wrong))
        blurred = blurred.reshape(len(labels), -1).any(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong.reshape(len(labels), -1).any(axis=1)))
        raise Unequal(f"predict is {shown(others[row].tolist())} where scikit-learn says {shown(labels[row].tolist())}")
    ties = tied if margin is None else tied | (blurred & (margin == 0))
    return Evidence(measured, int((blurred & ~ties).sum()), int(ties.sum()), ~(blurred | tied))


def rowwise(blurred, wrong):
    blurred = blurred.reshape(len(blurred), -1).any(axis=1)
    return blurred if wrong.ndim == 1 else blurred[:, None]


def parts(answer):
    """An answer as a list of float or label arrays, one a target where it comes so."""
    return [dense(one) for one in answer] if isinstance(answer, list) else [dense(answer)]


def difference(method, wanted, found, typical, tolerance, tied):
    """(largest relative difference, largest absolute one). Raises Unequal beyond the tolerance."""
    if wanted.shape != found.shape:
        raise Unequal(f"{method} has the shape {found.shape}, not {wanted.shape}")
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    same = (wanted == found) | (np.isnan(wanted) & np.isnan(found))
    same |= tied.reshape(-1, *[1] * (same.ndim - 1))
    usual = np.abs(wanted[:typical])
    scale = usual[np.isfinite(usual)].mean() if np.isfinite(usual).any() else 0.0
    with np.errstate(all="ignore"):
        absolute = np.where(same, 0.0, np.abs(wanted - found))
        relative = absolute / np.maximum(np.maximum(np.abs(wanted), scale), TINY)
    relative = np.where(same, 0.0, np.where(np.isnan(relative), np.inf, relative))
    worst = float(relative.max(initial=0.0))
    if worst > tolerance:
        place = np.unravel_index(int(relative.argmax()), relative.shape)
        raise Unequal(
            f"{method} is {shown(found[place].tolist())} where scikit-learn says {shown(wanted[place].tolist())}"
        )
    return worst, float(absolute[np.isfinite(absolute)].max(initial=0.0))


def margins(wanted):
    """(the method whose scores decide, how far each row is from another label), or None.

    [rows], or [rows, targets] where each target has scores of its own.
    """
    for method in ("decision_function", "predict_proba", "transform"):
        if method not in wanted:
            continue
        labels = dense(wanted["predict"])
        each = parts(wanted[method])
        if len(each) > 1:
            return method, np.column_stack([gap(one) for one in each])
        scores = each[0].astype(np.float64)
        if method == "transform":
            scores = -scores  # distances to the centres of a clustering: the nearest one decides
        if scores.ndim == 2 and labels.ndim == 2:  # labels that are on or off by themselves
            return method, np.abs(scores if method == "decision_function" else 2 * scores - 1)
        return method, gap(scores)
    return None


def gap(scores):
    """[rows]: between the two best scores, or of one score from nothing."""
    if scores.ndim == 1 or scores.shape[1] == 1:
        return np.abs(scores.reshape(-1))
    best = np.partition(scores, -2, axis=1)[:, -2:]
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(best[:, 1] - best[:, 0], nan=0.0)
