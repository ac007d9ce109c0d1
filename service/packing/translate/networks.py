"""Multilayer perceptrons."""

import numpy as np

from .linear import pair
from .sparse import Sparse

__all__ = ["labels", "numbers"]

ACTIVATIONS = {"identity": None, "logistic": "Sigmoid", "relu": "Relu", "tanh": "Tanh", "softmax": "Softmax"}


def forward(g, estimator, X):
    """[rows, outputs] after the last layer's own activation."""
    last = len(estimator.coefs_) - 1
    for place, (weights, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        weights, bias = weights.astype(np.float64), bias.astype(np.float64)
        X = X @ weights + bias if isinstance(X, Sparse) else g.op("Gemm", X, weights, bias)
        activation = ACTIVATIONS[estimator.out_activation_ if place == last else estimator.activation]
        if activation:
            X = g.op(activation, X)
    return X


def numbers(g, estimator, X):
    return {"predict": forward(g, estimator, X)}


def labels(g, estimator, X):
    activations = forward(g, estimator, X)
    if estimator.out_activation_ == "softmax":
        return {"predict": activations.argmax(), "predict_proba": activations}
    if estimator.n_outputs_ == 1:
        return {"predict": (activations > 0.5).int().reshape(-1), "predict_proba": pair(g, activations)}
    return {"predict": (activations > 0.5).int(), "predict_proba": activations}
