"""Describe what a model's methods return: dtype, shape, and the labels that its scores belong to.

outputs = describe_outputs(estimator, {"predict": np.array(["no"])}, y)     # {"predict": Output("string", [None])}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..models.runtimes.onnx_files import OnnxModel
from ..models.runtimes.sklearn import parts
from ..models.tables.output import Output
from ..models.tables.plain_values import dense, label_key, plain_values

__all__ = ["describe_outputs"]

DTYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "string", "S": "string", "M": "string"}
# The Python types of JSON values -> the dtype that holds them all.
OF_TYPES = (({bool}, "boolean"), ({int}, "integer"), ({int, float}, "number"), ({str}, "string"))
AGREE = 0.9  # of the rows, where the largest score is the predicted label's


def describe_outputs(estimator: Any, answers: dict[str, Any], y: Any) -> dict[str, Output]:
    """{method: its answer} -> {method: Output}. y names the targets of a model with several."""
    return {method: describe(estimator, method, answers, y) for method in answers}


def describe(estimator: Any, method: str, answers: dict[str, Any], y: Any) -> Output:
    answer = answers[method]
    if method == "predict_proba" and isinstance(answer, list):
        return probabilities_by_target(estimator, answer, y)
    array = dense(answer)
    of_targets = array.ndim == 2 and "predict" in answers and np.shape(answers["predict"]) == array.shape
    names = names_of(answers["predict"], y, array.shape[1]) if of_targets and method != "transform" else None
    if method == "predict_proba":  # of several targets one each: that it is on
        labels = names or column_labels(estimator, array.shape[1], y)
        if isinstance(estimator, OnnxModel) and not of_predicted(estimator, array, answers):
            labels = None
        return Output("number", [None, *array.shape[1:]], labels=labels)
    dtype, missing = dtype_of(array)
    # A transformation hands a missing cell on; of other methods the sample tells whether they may.
    nullable = dtype == "number" and (method == "transform" or missing)
    shape = [None, *array.shape[1:]]
    if method == "decision_function" and keyed_by_label(estimator, array, answers):
        return Output(dtype, shape, labels=labels_of(estimator.classes_), nullable=nullable or None)
    return Output(dtype, shape, targets=names, nullable=nullable or None)


def dtype_of(array: np.ndarray) -> tuple[str, bool]:
    """(the dtype of an Output for these values, whether some of them are missing, NaN or infinite)."""
    if array.dtype.kind in DTYPES:
        return DTYPES[array.dtype.kind], array.dtype.kind == "f" and not np.isfinite(array).all()
    cells = list(leaves(plain_values(array), array.ndim))
    types = {type(cell) for cell in cells if cell is not None}
    dtype = next((dtype for among, dtype in OF_TYPES if types and types <= among), "object")
    if dtype == "integer" and None in cells:
        dtype = "number"  # the only kind whose values may be missing
    return dtype, dtype == "number" and not all(cell is not None and np.isfinite(cell) for cell in cells)


def leaves(values: Any, depth: int) -> Iterator[Any]:
    """The entries of nested lists of so many dimensions."""
    if depth == 0:
        yield values
    else:
        for each in values:
            yield from leaves(each, depth - 1)


def probabilities_by_target(estimator: Any, answer: list[Any], y: Any) -> Output:
    """Of several targets, each with labels of its own: an array a target."""
    labels_by_target = [labels_of(labels) for labels in getattr(estimator, "classes_", None) or ()]
    return Output("number", [None, len(answer)], labels=labels_by_target, targets=target_names(y, len(answer)))


def column_labels(estimator: Any, width: int, y: Any) -> list[str] | None:
    """The label of each column of probabilities; None where they are not known."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or len(classes) != width:
        return None
    if isinstance(classes, list):  # one probability a target: that it is on
        return target_names(y, width)
    return labels_of(classes)


def labels_of(classes: Any) -> list[str] | None:
    """Class labels as keys, spelled as they are predicted; None where two of them would be one key."""
    keys = [label_key(label) for label in plain_values(dense(classes))]
    return keys if len(set(keys)) == len(keys) else None


def keyed_by_label(estimator: Any, scores: np.ndarray, answers: dict[str, Any]) -> bool:
    """Whether each column of a decision function is the score of one label.

    As many columns as labels may also be one for each pair of labels: an SVC of three classes that is asked so. The
    predictions tell: nearly always the label with the largest score is the predicted one.
    """
    classes = getattr(estimator, "classes_", None)
    if scores.ndim != 2 or classes is None or isinstance(classes, list) or len(classes) != scores.shape[1]:
        return False
    if any(getattr(part, "decision_function_shape", None) == "ovo" for part in parts(estimator)):
        return False
    return labels_of(classes) is not None and of_predicted(estimator, scores, answers)


def of_predicted(estimator: Any, scores: np.ndarray, answers: dict[str, Any]) -> bool:
    """Whether nearly always the label with the largest score is the predicted one. scores: [rows, labels]."""
    classes = getattr(estimator, "classes_", ())
    predicted = dense(answers["predict"]) if "predict" in answers else None
    if predicted is None or predicted.ndim != 1 or len(classes) != scores.shape[1]:
        return False
    return bool(np.mean(dense(classes)[scores.argmax(axis=1)] == predicted) >= AGREE)


def names_of(answer: Any, y: Any, width: int) -> list[str] | None:
    """The names of several predictions a row: those of the answer, a frame, or of the targets; None without any."""
    names = [str(name) for name in getattr(answer, "columns", getattr(y, "columns", ()))]
    return names if len(names) == width == len(set(names)) else None


def target_names(y: Any, width: int) -> list[str]:
    names = [str(name) for name in getattr(y, "columns", ())]
    return names if len(names) == width else [f"y{place}" for place in range(width)]
