"""Histogram gradient boosting: trees of float64 thresholds and sets of categories."""

import numpy as np

from .linear import pair
from .tables import Table
from .trees import Ensemble

__all__ = ["labels", "numbers"]

BITS = 32  # scikit-learn keeps the categories of a node in eight words of so many bits


def raw(g, estimator, X):
    """[rows, trees an iteration]"""
    if estimator._preprocessor is not None:
        from .compose import column_transformer

        X = column_transformer(g, estimator._preprocessor, X)["transform"]
    elif isinstance(X, Table):
        X = X.numbers(type(estimator).__name__)
    ensemble = Ensemble()
    for iteration in estimator._predictors:
        for target, predictor in enumerate(iteration):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            splits = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~leaf)
            sets = {int(node): members(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]) for node in splits}
            ensemble.add(
                np.where(leaf, -1, nodes["left"].astype(np.int64)),
                np.where(leaf, -1, nodes["right"].astype(np.int64)),
                nodes["feature_idx"],
                nodes["num_threshold"],
                nodes["missing_go_to_left"],
                nodes["value"],
                target,
                sets,
            )
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(-1)
    return ensemble.sums(g, X, estimator.n_trees_per_iteration_) + start


def members(words):
    """The numbers whose bits are set; one that no category has where none is, for ONNX wants one."""
    return [
        float(BITS * place + bit) for place, word in enumerate(words.tolist()) for bit in range(BITS) if word >> bit & 1
    ] or [-1.0]


def numbers(g, estimator, X):
    scores = raw(g, estimator, X)
    logarithmic = type(estimator._loss.link).__name__ == "LogLink"
    return {"predict": scores.exp() if logarithmic else scores}


def labels(g, estimator, X):
    scores = raw(g, estimator, X)
    if estimator.n_trees_per_iteration_ > 1:
        return {"predict": scores.argmax(), "decision_function": scores, "predict_proba": scores.softmax()}
    return {
        "predict": (scores > 0.0).int().reshape(-1),
        "decision_function": scores,
        "predict_proba": pair(g, scores.sigmoid()),
    }
