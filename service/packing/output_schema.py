"""Describe what a model's methods return: dtype, shape, and the labels its scores belong to."""

import numpy as np

from ..models.tables.output import Output, dense, label_key

__all__ = ["describe_outputs"]

DTYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "U": "string", "O": "string", "S": "string"}


def describe_outputs(estimator, raw, y):
    """{method: raw answer} -> {method: Output}. y names the targets of a model with several."""
    return {method: describe(estimator, method, answer, y) for method, answer in raw.items()}


def describe(estimator, method, answer, y):
    if method != "predict_proba":
        array = dense(answer)
        return Output(DTYPES.get(array.dtype.kind, "string"), [None, *array.shape[1:]])
    classes = getattr(estimator, "classes_", None)
    if isinstance(answer, list):  # one array a target
        targets = target_names(y, len(answer))
        labels = [[label_key(label) for label in plain(one)] for one in classes]
        return Output("number", [None, len(answer)], labels=labels, targets=targets)
    width = answer.shape[1]
    if isinstance(classes, list):  # a probability a target: that it is on
        labels = target_names(y, width) if len(classes) == width else None
    else:
        labels = None if classes is None or len(classes) != width else [label_key(label) for label in plain(classes)]
    return Output("number", [None, width], labels=labels)


def plain(classes):
    return np.asarray(classes).tolist()


def target_names(y, width):
    names = [str(name) for name in getattr(y, "columns", ())]
    return names if len(names) == width else [f"y{place}" for place in range(width)]
