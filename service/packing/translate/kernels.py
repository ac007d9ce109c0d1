"""Support vector machines, in float64: ONNX has an operator for them, and it computes in float32."""

from itertools import combinations

import numpy as np

from .linear import sides
from .tables import Untranslatable

__all__ = ["labels", "numbers", "one_class"]

FURTHEST = 1e150  # the square of more is infinite


def kernel(g, estimator, X):
    """[rows, support vectors]: each row's likeness to each of them."""
    if estimator._sparse or not isinstance(estimator.kernel, str) or estimator.kernel == "precomputed":
        raise Untranslatable(f"{type(estimator).__name__} with a kernel or rows of a form of its own")
    vectors, gamma = estimator.support_vectors_, estimator._gamma
    if estimator.kernel == "rbf":
        # |x - v|^2 = |x|^2 - 2 x.v + |v|^2 loses digits where |x| is large, so both are taken from the middle.
        middle = vectors.mean(axis=0)
        vectors = vectors - middle
        # At the furthest the likeness is 0 already, and infinity less infinity would be no number.
        X = g.op("Clip", X - middle, -FURTHEST, FURTHEST)
        own = g.op("ReduceSumSquare", X, np.array([1]), keepdims=1) * gamma
        exponent = g.op("Gemm", X, np.ascontiguousarray(2 * gamma * vectors.T), -gamma * (vectors**2).sum(axis=1))
        return g.op("Min", exponent - own, 0.0).exp()
    dots = X @ np.ascontiguousarray(vectors.T)
    if estimator.kernel == "linear":
        return dots
    dots = dots * gamma + estimator.coef0
    return g.op("Tanh", dots) if estimator.kernel == "sigmoid" else dots ** float(estimator.degree)


def labels(g, estimator, X):
    """One decision a pair of classes; the votes are counted as libsvm counts them."""
    if estimator._effective_probability if hasattr(estimator, "_effective_probability") else estimator.probability:
        raise Untranslatable(f"{type(estimator).__name__} with probability=True")
    count = len(estimator.classes_)
    pairs = list(combinations(range(count), 2))
    ends = np.cumsum(estimator._n_support)
    spans = [slice(end - size, end) for end, size in zip(ends, estimator._n_support, strict=True)]
    weights = np.zeros((len(estimator.support_vectors_), len(pairs)))
    for place, (first, second) in enumerate(pairs):
        weights[spans[first], place] = estimator._dual_coef_[second - 1, spans[first]]
        weights[spans[second], place] = estimator._dual_coef_[first, spans[second]]
    decisions = g.op("Gemm", kernel(g, estimator, X), weights, np.asarray(estimator._intercept_, dtype=np.float64))
    if count == 2:
        scores = -decisions
        return {"predict": sides(g, scores, True), "decision_function": scores}
    for_first, for_second = np.zeros((len(pairs), count)), np.zeros((len(pairs), count))
    for place, (first, second) in enumerate(pairs):
        for_first[place, first] = for_second[place, second] = 1.0
    won = (decisions > 0.0).float()
    votes = won @ (for_first - for_second) + for_second.sum(axis=0)
    answers = {"predict": votes.argmax()}
    if estimator.decision_function_shape == "ovo":
        return answers | {"decision_function": decisions}
    confidence = decisions @ (for_first - for_second)
    lost = (decisions < 0.0).float()  # a decision of exactly 0 counts for the first here, for the second above
    counted = for_first.sum(axis=0) + lost @ (for_second - for_first)
    scores = counted + confidence / (3.0 * (g.op("Abs", confidence) + 1.0))
    if estimator.break_ties:
        answers["predict"] = scores.argmax()
    return answers | {"decision_function": scores}


def numbers(g, estimator, X):
    """Support vector regression: one weighted sum of the likenesses."""
    weights = np.ascontiguousarray(estimator._dual_coef_.T)
    return {"predict": g.op("Gemm", kernel(g, estimator, X), weights, np.asarray(estimator._intercept_, np.float64))}


def one_class(g, estimator, X):
    scores = numbers(g, estimator, X)["predict"]
    inside = (scores > 0.0).int().reshape(-1)
    return {"predict": inside * np.array(2) - np.array(1), "decision_function": scores}
