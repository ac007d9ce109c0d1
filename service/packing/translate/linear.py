"""Linear models, and projections."""

import numpy as np

__all__ = [
    "classifier",
    "discriminant",
    "generalized",
    "least_squares",
    "logistic",
    "pair",
    "principal",
    "projection",
    "regressor",
    "sides",
    "stochastic",
]


def product(X, coefficients, intercept):
    """X @ coefficients.T + intercept: [rows, one a row of coefficients]."""
    scores = X @ np.ascontiguousarray(np.atleast_2d(coefficients).T, dtype=np.float64)
    intercept = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    return scores + intercept if intercept.any() else scores


def sides(g, scores, positive):
    """Scores [rows, classes], or [rows, 1] of the second of two -> the place of the label, int64 [rows]."""
    return (scores > 0.0).int().reshape(-1) if positive else scores.argmax()


def pair(g, probability):
    """The second class's probability -> both."""
    return g.join([1.0 - probability, probability])


def classifier(g, estimator, X):
    scores = product(X, estimator.coef_, estimator.intercept_)
    return {"predict": sides(g, scores, len(np.atleast_2d(estimator.coef_)) == 1), "decision_function": scores}


def logistic(g, estimator, X):
    answers = classifier(g, estimator, X)
    scores = answers["decision_function"]
    two = len(estimator.classes_) == 2
    return answers | {"predict_proba": pair(g, scores.sigmoid()) if two else scores.softmax()}


def stochastic(g, estimator, X):
    answers = classifier(g, estimator, X)
    scores = answers["decision_function"]
    if estimator.loss == "log_loss":
        if len(estimator.classes_) == 2:
            return answers | {"predict_proba": pair(g, scores.sigmoid())}
        # One against the rest, made to add up to one: also where all are so small that ONNX's Sigmoid says 0.
        each = g.op("Min", scores, 0.0).exp() / ((-g.op("Abs", scores)).exp() + 1.0)
        total = each.sum()
        return answers | {"predict_proba": each / g.op("Where", total.equals(0.0), 1.0, total)}
    return answers


def regressor(g, estimator, X):
    return {"predict": product(X, estimator.coef_, estimator.intercept_)}


def generalized(g, estimator, X):
    """Poisson, gamma and Tweedie: a linear predictor behind a link."""
    linear = product(X, estimator.coef_, estimator.intercept_)
    logarithmic = type(estimator._base_loss.link).__name__ == "LogLink"
    return {"predict": linear.exp() if logarithmic else linear}


def least_squares(g, estimator, X):
    centred = X - estimator._x_mean
    return {
        "predict": product(centred, estimator.coef_, estimator.intercept_),
        "transform": (centred / estimator._x_std) @ estimator.x_rotations_,
    }


def discriminant(g, estimator, X):
    answers = logistic(g, estimator, X)
    if estimator.solver == "svd":
        answers["transform"] = (X - estimator.xbar_) @ estimator.scalings_[:, : estimator._max_components]
    elif estimator.solver == "eigen":
        answers["transform"] = X @ estimator.scalings_[:, : estimator._max_components]
    return answers


def principal(g, estimator, X):
    projected = (X - estimator.mean_) @ np.ascontiguousarray(estimator.components_.T)
    if estimator.whiten:
        spread = np.sqrt(estimator.explained_variance_)
        projected = projected / np.maximum(spread, np.finfo(spread.dtype).eps)
    return {"transform": projected}


def projection(g, estimator, X):
    return {"transform": X @ np.ascontiguousarray(estimator.components_.T)}
