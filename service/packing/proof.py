"""Prove a contract: the answers through JSON must be what the estimator gives in process.

proven = prove(runtime, columns, forms, given, rows, methods)
proven.container, proven.answers, proven.notes

What its owner calls is `model.predict(X)`: all rows of the sample, in the container that it was given in. That is what
every way through JSON is compared with. `dependence` asks further: the same rows one by one, and in another order.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ..errors import InvalidInstances, in_a_line
from ..models.tables.column import Column
from ..models.tables.output import close
from ..models.tables.plain_values import dense, plain_values
from ..models.tables.plan import ColumnPlan
from .equivalence import by_target, margins, plain_labels

__all__ = ["Answers", "Proven", "dependence", "finite", "prove", "same"]

WIDEST = 10_000  # numbers a row of an answer may hold
ALONE, ALONE_SECONDS = 50, 5.0  # rows asked one by one, and for how long at most
ROUNDING = {"f2": 1e-2, "f4": 1e-4, "f8": 1e-6}  # relative: what adding in another order may change

Answers = dict[str, Any]  # {method: what it returned}


class Proven(NamedTuple):
    """container: how the estimator is called. answers: {method: its answer for the rows}. notes: for the packer."""

    container: str
    answers: Answers
    notes: list[str]


def prove(
    runtime: Any,
    columns: list[Column],
    forms: dict[str, Any],
    given: Any,
    rows: list[dict[str, Any]],
    methods: list[str],
) -> Proven:
    """The first container whose answers are the estimator's own.

    forms: {container: the sample as the estimator is called with it in process, or None without one}. given: the
    sample as the owner has it, or None; where the estimator does not take that, the forms stand for it. rows: the same
    sample as JSON. Raises ValueError where no container gives the estimator's answers.
    """
    reasons: dict[str, str] = {}
    owned = own_answers(runtime, given, methods)
    for container, original in forms.items():
        try:
            values = ColumnPlan(columns, container).read(rows).values
        except InvalidInstances as error:
            raise ValueError(f"the sample does not fit its own schema: {error}") from error
        expected = owned or own_answers(runtime, original, methods)
        answers, reasons = answered(runtime, values, expected, methods, len(rows))
        if answers:
            notes = [f"{method} is not served: {reason}" for method, reason in reasons.items()]
            return Proven(container, answers, notes)
    sentences = "; ".join(f"{method}: {reason}" for method, reason in reasons.items())
    raise ValueError(f"{type(runtime.estimator).__name__} cannot be served: {sentences}")


def own_answers(runtime: Any, X: Any, methods: list[str]) -> Answers:
    """What the estimator answers in process, by the methods that do not raise; nothing without rows."""
    answers: Answers = {}
    for method in methods if X is not None else ():
        try:
            answers[method] = runtime.run(X, [method])[method]
        except Exception:  # an estimator may raise anything; `answered` meets it again, and says so
            continue
    return answers


def answered(
    runtime: Any, values: Any, expected: Answers, methods: list[str], rows: int
) -> tuple[Answers, dict[str, str]]:
    """({method: its answer}, {method: why it has none}); no answers at all where one of them differs.

    values: the rows that came through JSON. expected: the answers in process, nothing where there are none.
    """
    answers: Answers = {}
    reasons: dict[str, str] = {}
    for method in methods:
        try:
            answer = one_a_row(runtime.run(values, [method])[method], rows)
            check_shape(answer, rows)
        except Exception as error:  # an estimator may raise anything; the next container or method may work
            reasons[method] = f"{type(error).__name__}: {in_a_line(error, 300)}".removesuffix(": ")
            continue
        if method in expected and not same(answer, one_a_row(expected[method], rows)):
            return {}, reasons | {method: difference(runtime, values, answer, method, rows)}
        answers[method] = answer
    return answers, reasons


def difference(runtime: Any, values: Any, answer: Any, method: str, rows: int) -> str:
    """Why the answers through JSON are not those in process."""
    if not same(one_a_row(runtime.run(values, [method])[method], rows), answer):
        return "it answers the same rows otherwise each time it is asked; fix its random state"
    return "it gives other answers through JSON than in process, where it is given the sample as it is"


def one_a_row(answer: Any, rows: int) -> Any:
    """The answer with a list around it where a model gives that of a single row bare."""
    bare = rows == 1 and not isinstance(answer, list) and not hasattr(answer, "shape") and np.ndim(answer) == 0
    return [answer] if bare else answer


def check_shape(answer: Any, rows: int) -> None:
    """Raise ValueError unless there is one value a row, of a size and a type that JSON can hold."""
    by_target = isinstance(answer, list) and len(answer) and all(np.ndim(part) == 2 for part in answer[:1])
    for part in answer if by_target else [answer]:
        shape = getattr(part, "shape", None) or (dense(part).shape if not hasattr(part, "shape") else ())
        if not shape or shape[0] != rows:
            raise ValueError(f"an answer of shape {shape} for {rows} rows; one value a row is needed")
        if np.prod(shape[1:]) > WIDEST:
            raise ValueError(f"{shape[1]} columns a row are more than the {WIDEST} that an answer in JSON may have")
        if getattr(getattr(part, "dtype", None), "kind", None) == "c":
            raise ValueError("complex numbers, which JSON has not")
        plain_values(dense(part))


def same(answer: Any, expected: Any) -> bool:
    """Whether two answers are equal, floats to the last few bits."""
    if isinstance(answer, list) and isinstance(expected, list):
        return len(answer) == len(expected) and all(map(same, answer, expected))
    answer, expected = dense(answer), dense(expected)
    if answer.dtype.kind == expected.dtype.kind == "f":
        return answer.shape == expected.shape and np.allclose(answer, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    return close(plain_values(answer), finite(plain_values(expected)))


def dependence(runtime: Any, plan: ColumnPlan, rows: list[dict[str, Any]], answers: Answers) -> str | None:
    """How the answer for a row depends on the other rows of the call; None where it does not.

    answers: those for all rows together. The rows are asked backwards, and some of them one by one.
    """
    methods = list(answers)
    if len(rows) < 2:
        return None
    if not all_alike(runtime.run(plan.read(rows[::-1]).values, methods), answers, np.arange(len(rows))[::-1]):
        return "rows that were asked in another order were answered otherwise"
    began = perf_counter()
    for place in np.unique(np.linspace(0, len(rows) - 1, ALONE).astype(int)):
        alone = runtime.run(plan.read([rows[place]]).values, methods)
        if not all_alike({method: one_a_row(answer, 1) for method, answer in alone.items()}, answers, [place]):
            return "rows that were asked alone were answered otherwise than together"
        if perf_counter() - began > ALONE_SECONDS:
            break
    return None


def all_alike(found: Answers, answers: Answers, places: Any) -> bool:
    """Whether the rows at `places` of all answers are these; labels may differ where only rounding decides."""
    unlike = {method for method in found if not alike(found[method], answers[method], places)}
    if unlike != {"predict"} or (scores := margins(answers)) is None:
        return not unlike
    margin = by_target(scores[1])
    tied = (margin <= ROUNDING["f8"] * margin.mean()).any(axis=1)[places]
    labels, others = (by_target(plain_labels(one)) for one in (found["predict"], answers["predict"]))
    return bool((tied | (labels == others[places]).all(axis=1)).all())


def alike(found: Any, whole: Any, places: Any) -> bool:
    if isinstance(whole, list) and len(whole) and np.ndim(whole[0]) == 2:  # a part a target
        return all(alike(part, of_whole, places) for part, of_whole in zip(found, whole, strict=True))
    found, whole = dense(found), dense(whole)
    expected = whole[places]
    if found.shape != expected.shape:
        found = found.reshape(expected.shape) if found.size == expected.size else found
    if found.dtype.kind != "f" or expected.dtype.kind != "f":
        return close(plain_values(found), finite(plain_values(expected)))
    usual = np.abs(whole[np.isfinite(whole)])
    scale = usual.mean() if usual.size else 0.0
    tolerance = max(ROUNDING.get(array.dtype.str[1:], 1e-6) for array in (found, expected))
    return found.shape == expected.shape and np.allclose(
        found, expected, rtol=tolerance, atol=max(tolerance * scale, 1e-9), equal_nan=True
    )


def finite(value: Any) -> Any:
    """Plain values with NaN and infinities as None, as JSON answers have them."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
