"""Support vector machines, in float64: ONNX has an operator for them, and it computes in float32."""

import math
from itertools import combinations

import numpy as np

from ...models.tables.plain_values import dense
from .linear import sides
from .sparse import LARGEST_WEIGHTS, Sparse
from .tables import Untranslatable

__all__ = ["labels", "numbers", "one_class"]

FURTHEST = 1e150  # the square of more is infinite


def kernel(g, estimator, X):
    """[rows, support vectors]: each row's likeness to each of them."""
    if not isinstance(estimator.kernel, str) or estimator.kernel == "precomputed":
        raise Untranslatable(f"{type(estimator).__name__} with a kernel of its own")
    if estimator._sparse != isinstance(X, Sparse):
        raise Untranslatable(f"{type(estimator).__name__} of sparse rows that no vectorizer makes")
    if estimator._sparse and math.prod(estimator.support_vectors_.shape) > LARGEST_WEIGHTS:
        raise Untranslatable(f"{type(estimator).__name__} of {estimator.support_vectors_.shape} sparse support vectors")
    vectors, gamma = dense(estimator.support_vectors_), estimator._gamma
    if estimator.kernel == "rbf" and estimator._sparse:
        own = g.op("ReduceSumSquare", X.numbers(), np.array([1]), keepdims=1)
        distances = own + (vectors**2).sum(axis=1) - 2.0 * (X @ np.ascontiguousarray(vectors.T))
        return (g.op("Max", distances, 0.0) * -gamma).exp()
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


def sums(g, estimator, X, weights):
    """[rows, columns of the weights]: the likenesses of each row, weighted and added up, and the intercepts."""
    intercepts = np.asarray(estimator._intercept_, dtype=np.float64)
    if estimator._sparse and estimator.kernel == "linear" and isinstance(X, Sparse):
        return X @ np.ascontiguousarray(estimator.support_vectors_.T @ weights) + intercepts
    return g.op("Gemm", kernel(g, estimator, X), weights, intercepts)


def labels(g, estimator, X):
    """One decision a pair of classes; the votes are counted as libsvm counts them."""
    if estimator._effective_probability if hasattr(estimator, "_effective_probability") else estimator.probability:
        raise Untranslatable(f"{type(estimator).__name__} with probability=True")
    count = len(estimator.classes_)
    pairs = list(combinations(range(count), 2))
    ends = np.cumsum(estimator._n_support)
    spans = [slice(end - size, end) for end, size in zip(ends, estimator._n_support, strict=True)]
    factors = dense(estimator._dual_coef_)
    weights = np.zeros((estimator.support_vectors_.shape[0], len(pairs)))
    for place, (first, second) in enumerate(pairs):
        weights[spans[first], place] = factors[second - 1, spans[first]]
        weights[spans[second], place] = factors[first, spans[second]]
    decisions = sums(g, estimator, X, weights)
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
    return {"predict": sums(g, estimator, X, np.ascontiguousarray(dense(estimator._dual_coef_).T))}


def one_class(g, estimator, X):
    scores = numbers(g, estimator, X)["predict"]
    inside = (scores > 0.0).int().reshape(-1)
    return {"predict": inside * np.array(2) - np.array(1), "decision_function": scores}
