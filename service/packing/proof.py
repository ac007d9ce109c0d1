"""Prove a contract: the answers through JSON must be what the estimator gives in process.

container, answers, notes = prove(runtime, columns, forms, rows, methods)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InvalidInstances, in_a_line
from ..models.tables.column import Column
from ..models.tables.output import close, dense
from ..models.tables.plan import ColumnPlan

__all__ = ["finite", "prove"]

WIDEST = 10_000  # numbers a row of an answer may hold


def prove(
    runtime: Any, columns: list[Column], forms: dict[str, Any], rows: list[dict[str, Any]], methods: list[str]
) -> tuple[str, dict[str, Any], list[str]]:
    """The first container whose answers are the estimator's own.

    forms: {container: the sample as the estimator is called with it in process, or None without one}. rows: the same
    sample as JSON. Returns (container, {method: its answer for rows}, notes). Raises ValueError where no container
    gives the estimator's answers.
    """
    reasons: dict[str, str] = {}
    for container, original in forms.items():
        try:
            values = ColumnPlan(columns, container).read(rows).values
        except InvalidInstances as error:
            raise ValueError(f"the sample does not fit its own schema: {error}") from error
        answers, reasons = answered(runtime, values, original, methods, len(rows))
        if answers:
            return container, answers, [f"{method} is not served: {reason}" for method, reason in reasons.items()]
    sentences = "; ".join(f"{method}: {reason}" for method, reason in reasons.items())
    raise ValueError(f"{type(runtime.estimator).__name__} cannot be served: {sentences}")


def answered(
    runtime: Any, values: Any, original: Any, methods: list[str], rows: int
) -> tuple[dict[str, Any], dict[str, str]]:
    """({method: its answer}, {method: why it has none}); no answers at all where one of them differs.

    values: the rows that came through JSON. original: the same rows as in process, or None.
    """
    answers: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for method in methods:
        try:
            answer = runtime.run(values, [method])[method]
            expected = answer if original is None else runtime.run(original, [method])[method]
            check_shape(answer, rows)
        except Exception as error:  # an estimator may raise anything; the next container or method may work
            reasons[method] = f"{type(error).__name__}: {in_a_line(error, 300)}".removesuffix(": ")
            continue
        if not same(answer, expected):
            return {}, reasons | {method: "it gives other answers through JSON than in process"}
        answers[method] = answer
    return answers, reasons


def check_shape(answer: Any, rows: int) -> None:
    """Raise ValueError unless there is one value a row, of a size and a type that JSON can hold."""
    by_target = isinstance(answer, list) and len(answer) and np.ndim(answer[0]) == 2
    for part in answer if by_target else [answer]:
        shape = getattr(part, "shape", np.shape(part))
        if not shape or shape[0] != rows:
            raise ValueError(f"an answer of shape {shape} for {rows} rows; one value a row is needed")
        if np.prod(shape[1:]) > WIDEST:
            raise ValueError(f"{shape[1]} columns a row are more than the {WIDEST} that an answer in JSON may have")
        if getattr(getattr(part, "dtype", None), "kind", None) == "c":
            raise ValueError("complex numbers, which JSON has not")


def same(answer: Any, expected: Any) -> bool:
    """Whether two answers are equal, floats to the last few bits."""
    if isinstance(answer, list) and isinstance(expected, list):
        return len(answer) == len(expected) and all(map(same, answer, expected))
    answer, expected = dense(answer), dense(expected)
    if answer.dtype.kind == expected.dtype.kind == "f":
        return answer.shape == expected.shape and np.allclose(answer, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    return close(answer.tolist(), finite(expected.tolist()))


def finite(value: Any) -> Any:
    """Plain values with NaN and infinities as None, as JSON answers have them."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
