"""Distances from centres and likelihoods: k-means, mixtures of Gaussians, naive Bayes."""

import numpy as np

from .preprocess import above
from .tables import Untranslatable

__all__ = ["bernoulli", "gaussian", "kmeans", "mixture", "multinomial"]


def differences(g, X, centres):
    """[rows, centres, width]"""
    return g.op("Unsqueeze", X, np.array([1])) - np.asarray(centres, dtype=np.float64)[None]


def kmeans(g, estimator, X):
    squares = g.op("ReduceSumSquare", differences(g, X, estimator.cluster_centers_), np.array([2]), keepdims=0)
    return {"predict": (-squares).argmax(), "transform": g.op("Sqrt", squares)}


def from_likelihoods(joint):
    return {"predict": joint.argmax(), "predict_proba": joint.softmax()}


def gaussian(g, estimator, X):
    variances = estimator.var_
    constant = np.log(estimator.class_prior_) - 0.5 * np.log(2.0 * np.pi * variances).sum(axis=1)
    away = differences(g, X, estimator.theta_) / np.sqrt(variances)[None]
    return from_likelihoods(constant - 0.5 * g.op("ReduceSumSquare", away, np.array([2]), keepdims=0))


def multinomial(g, estimator, X):
    joint = X @ np.ascontiguousarray(estimator.feature_log_prob_.T)
    complement = type(estimator).__name__ == "ComplementNB"
    if complement and len(estimator.classes_) > 1:
        return from_likelihoods(joint)
    return from_likelihoods(joint + estimator.class_log_prior_)


def bernoulli(g, estimator, X):
    if estimator.binarize is not None:
        X = above(g, X, estimator.binarize)
    absent = np.log(1.0 - np.exp(estimator.feature_log_prob_))
    constant = estimator.class_log_prior_ + absent.sum(axis=1)
    return from_likelihoods(X @ np.ascontiguousarray((estimator.feature_log_prob_ - absent).T) + constant)


def mixture(g, estimator, X):
    kind, factors = estimator.covariance_type, estimator.precisions_cholesky_
    if kind not in ("full", "tied", "diag", "spherical"):
        raise Untranslatable(f"GaussianMixture with {kind} covariances")
    width, columns = estimator.means_.shape[1], []
    for place, mean in enumerate(estimator.means_):
        factor = factors if kind == "tied" else factors[place]
        away = (X - mean) @ factor if kind in ("full", "tied") else (X - mean) * np.broadcast_to(factor, width)
        diagonal = np.diag(factor) if kind in ("full", "tied") else np.broadcast_to(factor, width)
        constant = np.log(estimator.weights_[place]) + np.log(diagonal).sum() - 0.5 * width * np.log(2.0 * np.pi)
        columns.append(constant - 0.5 * g.op("ReduceSumSquare", away, np.array([1]), keepdims=1))
    return from_likelihoods(g.join(columns))
