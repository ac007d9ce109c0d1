"""Prove a contract: what comes out through JSON must be what the estimator gives in process.

container, raw, columns, notes = prove(runtime, columns, sample, rows, methods)
"""

import numpy as np

from ..errors import InvalidInstances
from ..models.tables.output import close, dense
from ..models.tables.plan import ColumnPlan

__all__ = ["finite", "prove"]

WIDEST = 10_000  # numbers a row of an answer may hold


def prove(runtime, columns, forms, rows, methods):
    """The first container whose answers are the estimator's own.

    forms: {container: the sample as the estimator is called with it in process, or None without
    one}. rows: the same sample as JSON. Returns (container, {method: raw answer}, notes).
    Raises ValueError when there is none: the model cannot be called the way it was fitted.
    """
    reasons = {}
    for container, original in forms.items():
        try:
            given = ColumnPlan(columns, container).read(rows).values
        except InvalidInstances as error:
            raise ValueError(f"the sample does not fit its own schema: {error}") from error
        raw, reasons, differs = {}, {}, False
        for method in methods:
            try:
                answer = runtime.run(given, [method])[method]
                wanted = answer if original is None else runtime.run(original, [method])[method]
                check_shape(answer, len(rows))
            except Exception as error:  # an estimator may raise anything; the next container or method may do
                reasons[method] = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                continue
            if not same(answer, wanted):
                differs = True
                reasons[method] = "it gives other answers through JSON than in process"
                break
            raw[method] = answer
        if raw and not differs:
            return container, raw, [f"{method} is not served: {why}" for method, why in reasons.items()]
    told = "; ".join(f"{method}: {why}" for method, why in reasons.items())
    raise ValueError(f"{type(runtime.estimator).__name__} cannot be served: {told}")


def check_shape(answer, rows):
    """Raise ValueError unless there is one value a row, of a size that JSON bears."""
    by_target = isinstance(answer, list) and len(answer) and np.ndim(answer[0]) == 2
    for one in answer if by_target else [answer]:
        shape = getattr(one, "shape", np.shape(one))
        if not shape or shape[0] != rows:
            raise ValueError(f"an answer of shape {shape} for {rows} rows; one value a row is needed")
        if np.prod(shape[1:]) > WIDEST:
            raise ValueError(f"{shape[1]} columns a row are more than the {WIDEST} that an answer in JSON may have")
        if getattr(getattr(one, "dtype", None), "kind", None) == "c":
            raise ValueError("complex numbers, which JSON has not")


def same(answer, wanted):
    """Whether two raw answers are equal, floats to the last few bits."""
    if isinstance(answer, list) and isinstance(wanted, list):
        return len(answer) == len(wanted) and all(map(same, answer, wanted))
    answer, wanted = dense(answer), dense(wanted)
    if answer.dtype.kind == wanted.dtype.kind == "f":
        return answer.shape == wanted.shape and np.allclose(answer, wanted, rtol=1e-6, atol=1e-9, equal_nan=True)
    return close(answer.tolist(), finite(wanted.tolist()))


def finite(value):
    """Plain values with NaN and infinities as None, as JSON answers have them."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
