"""Models made of models: voting, stacking, bagging, calibration, one against the rest, several targets."""

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from .linear import pair
from .tables import Untranslatable

__all__ = [
    "adaptive",
    "bagged_labels",
    "bagged_numbers",
    "calibrated",
    "one_vs_rest",
    "several_labels",
    "several_numbers",
    "stacking",
    "voting_labels",
    "voting_numbers",
]


def translated(g, estimator, X):
    from . import translate

    return translate(g, estimator, X)


def mean(tensors, weights=None):
    tensors = list(tensors)
    weights = [1.0] * len(tensors) if weights is None else [float(weight) for weight in weights]
    each = (one if weight == 1.0 else one * weight for one, weight in zip(tensors, weights, strict=True))
    return reduce(add, each) / float(sum(weights))


def column(tensor):
    """[rows] as [rows, 1]."""
    return tensor.reshape(-1, 1)


def voting_labels(g, estimator, X):
    parts = [translated(g, one, X) for one in estimator.estimators_]
    weights = estimator._weights_not_none
    if estimator.voting == "soft":
        each = [one["predict_proba"] for one in parts]
        found = mean(each, weights)
        answers = {"predict": found.argmax(), "predict_proba": found}
        return answers | ({"transform": g.join(each)} if estimator.flatten_transform else {})
    places = np.arange(len(estimator.classes_))
    votes = [column(one["predict"]).equals(places).float() for one in parts]
    labels = g.join([column(one["predict"]) for one in parts]).float()
    return {"predict": mean(votes, weights).argmax(), "transform": labels}


def voting_numbers(g, estimator, X):
    parts = [translated(g, one, X)["predict"] for one in estimator.estimators_]
    return {"predict": mean(parts, estimator._weights_not_none), "transform": g.join(parts)}


def stacking(g, estimator, X):
    columns = []
    for one, method in zip(estimator.estimators_, estimator.stack_method_, strict=True):
        found = translated(g, one, X)[method]
        if isinstance(found, list):
            raise Untranslatable("stacking of several targets")
        if method == "predict_proba" and len(estimator.classes_) == 2:
            found = found.take([1])  # the other column says nothing new
        elif method == "predict" and hasattr(estimator, "classes_"):
            found = column(found).float()
        columns.append(found)
    if estimator.passthrough:
        columns.append(X.numbers("StackingClassifier") if hasattr(X, "numbers") else X)
    given = g.join(columns)
    return translated(g, estimator.final_estimator_, given) | {"transform": given}


def bagged(g, estimator, X):
    for one, places in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        yield one, translated(g, one, X.take(places) if len(places) < estimator.n_features_in_ else X)


def bagged_numbers(g, estimator, X):
    return {"predict": mean(one["predict"] for _, one in bagged(g, estimator, X))}


def bagged_labels(g, estimator, X):
    each, scores = [], []
    for one, answers in bagged(g, estimator, X):
        if len(one.classes_) != len(estimator.classes_) or "predict_proba" not in answers:
            raise Untranslatable("a BaggingClassifier whose parts do not all give every label's probability")
        each.append(answers["predict_proba"])
        if "decision_function" in answers:
            scores.append(answers["decision_function"])
    found = mean(each)
    answers = {"predict": found.argmax(), "predict_proba": found}
    return answers | ({"decision_function": mean(scores)} if len(scores) == len(each) else {})


def adaptive(g, estimator, X):
    count = len(estimator.classes_)
    total: Any = 0.0  # a Tensor from the first estimator on
    places = np.arange(count)
    for one, weight in zip(estimator.estimators_, estimator.estimator_weights_, strict=False):
        chosen = column(translated(g, one, X)["predict"]).equals(places)
        total = g.op("Where", chosen, float(weight), -float(weight) / (count - 1)) + total
    total = total / float(estimator.estimator_weights_.sum())
    if count > 2:
        return {
            "predict": total.argmax(),
            "decision_function": total,
            "predict_proba": (total / (count - 1.0)).softmax(),
        }
    scores = total.take([1]) - total.take([0])
    return {
        "predict": (scores > 0.0).int().reshape(-1),
        "decision_function": scores,
        "predict_proba": pair(g, scores.sigmoid()),
    }


def calibrated(g, estimator, X):
    parts = []
    for one in estimator.calibrated_classifiers_:
        answers = translated(g, one.estimator, X)
        scores = answers.get("decision_function", answers.get("predict_proba"))
        if scores is None:
            raise Untranslatable("CalibratedClassifierCV of a classifier without scores")
        two = len(estimator.classes_) == 2
        if two and "decision_function" not in answers:
            scores = scores.take([1])
        slopes = [getattr(calibrator, "a_", None) for calibrator in one.calibrators]
        if None in slopes or len(slopes) != (1 if two else len(estimator.classes_)):
            raise Untranslatable(f"CalibratedClassifierCV of method {one.method!r}")
        shifts = [calibrator.b_ for calibrator in one.calibrators]
        each = (-(scores * np.array(slopes, dtype=np.float64) + np.array(shifts, dtype=np.float64))).sigmoid()
        if two:
            parts.append(pair(g, each))
            continue
        total = each.sum()
        parts.append(g.op("Where", total.equals(0.0), 1.0 / len(estimator.classes_), each / total))
    found = mean(parts)
    return {"predict": found.argmax(), "predict_proba": found}


def one_vs_rest(g, estimator, X):
    parts = [translated(g, one, X) for one in estimator.estimators_]
    scored = all("decision_function" in one for one in parts)
    answers = {}
    if all("predict_proba" in one for one in parts):
        each = g.join([one["predict_proba"].take([1]) for one in parts])
        if len(parts) == 1:
            answers["predict_proba"] = pair(g, each)
        elif estimator.multilabel_:
            answers["predict_proba"] = each
        else:
            total = each.sum()
            answers["predict_proba"] = each / g.op("Where", total.equals(0.0), 1.0, total)
    if scored:
        answers["decision_function"] = g.join([one["decision_function"] for one in parts])
        deciding, middle = answers["decision_function"], 0.0
    elif "predict_proba" in answers:
        deciding, middle = each, 0.5
    else:
        raise Untranslatable("OneVsRestClassifier of parts without scores")
    if estimator.multilabel_:
        answers["predict"] = (deciding > middle).int()
    else:
        answers["predict"] = (deciding > middle).int().reshape(-1) if len(parts) == 1 else deciding.argmax()
    return answers


def several_numbers(g, estimator, X):
    return {"predict": g.join([translated(g, one, X)["predict"] for one in estimator.estimators_])}


def several_labels(g, estimator, X):
    parts = [translated(g, one, X) for one in estimator.estimators_]
    answers = {"predict": g.join([column(one["predict"]) for one in parts])}
    if all("predict_proba" in one for one in parts):
        answers["predict_proba"] = [one["predict_proba"] for one in parts]
    return answers
