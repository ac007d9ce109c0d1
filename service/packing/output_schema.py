"""Describe what a model's methods return: dtype, shape, and the labels that its scores belong to.

outputs = describe_outputs(estimator, {"predict": np.array(["no"])}, y)     # {"predict": Output("string", [None])}
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models.tables.output import Output, dense, label_key

__all__ = ["describe_outputs"]

DTYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "string", "O": "string", "S": "string"}


def describe_outputs(estimator: Any, answers: dict[str, Any], y: Any) -> dict[str, Output]:
    """{method: its answer} -> {method: Output}. y names the targets of a model with several."""
    return {method: describe(estimator, method, answer, y) for method, answer in answers.items()}


def describe(estimator: Any, method: str, answer: Any, y: Any) -> Output:
    if method != "predict_proba":
        array = dense(answer)
        dtype = DTYPES.get(array.dtype.kind, "string")
        # A transformation hands a missing cell on; of other methods the sample tells whether they may.
        nullable = dtype == "number" and (method == "transform" or not np.isfinite(array).all())
        return Output(dtype, [None, *array.shape[1:]], nullable=nullable or None)
    classes = getattr(estimator, "classes_", None)
    if isinstance(answer, list):  # one array a target
        labels_by_target = [[label_key(label) for label in plain(labels)] for labels in classes or ()]
        return Output("number", [None, len(answer)], labels=labels_by_target, targets=target_names(y, len(answer)))
    width = answer.shape[1]
    return Output("number", [None, width], labels=column_labels(classes, width, y))


def column_labels(classes: Any, width: int, y: Any) -> list[str] | None:
    """The label of each column of probabilities; None where they are not known."""
    if classes is None or len(classes) != width:
        return None
    if isinstance(classes, list):  # one probability a target: that it is on
        return target_names(y, width)
    return [label_key(label) for label in plain(classes)]


def plain(classes: Any) -> list[Any]:
    return np.asarray(classes).tolist()


def target_names(y: Any, width: int) -> list[str]:
    names = [str(name) for name in getattr(y, "columns", ())]
    return names if len(names) == width else [f"y{place}" for place in range(width)]
