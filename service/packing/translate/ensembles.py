"""Models made of models: voting, stacking, bagging, calibration, one against the rest, several targets."""

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from .linear import pair
from .sparse import Sparse
from .tables import Table, Untranslatable

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
    each = (member if weight == 1.0 else member * weight for member, weight in zip(tensors, weights, strict=True))
    return reduce(add, each) / float(sum(weights))


def column(tensor):
    """[rows] as [rows, 1]."""
    return tensor.reshape(-1, 1)


def voting_labels(g, estimator, X):
    parts = [translated(g, member, X) for member in estimator.estimators_]
    weights = estimator._weights_not_none
    if estimator.voting == "soft":
        each = [member["predict_proba"] for member in parts]
        average = mean(each, weights)
        answers = {"predict": average.argmax(), "predict_proba": average}
        return answers | ({"transform": g.join(each)} if estimator.flatten_transform else {})
    places = np.arange(len(estimator.classes_))
    votes = [column(member["predict"]).equals(places).float() for member in parts]
    labels = g.join([column(member["predict"]) for member in parts]).float()
    return {"predict": mean(votes, weights).argmax(), "transform": labels}


def voting_numbers(g, estimator, X):
    parts = [translated(g, member, X)["predict"] for member in estimator.estimators_]
    return {"predict": mean(parts, estimator._weights_not_none), "transform": g.join(parts)}


def stacking(g, estimator, X):
    columns = []
    for member, method in zip(estimator.estimators_, estimator.stack_method_, strict=True):
        answer = translated(g, member, X)[method]
        if isinstance(answer, list):
            raise Untranslatable("stacking of several targets")
        if method == "predict_proba" and len(estimator.classes_) == 2:
            answer = answer.take([1])  # the other column says nothing new
        elif method == "predict" and hasattr(estimator, "classes_"):
            answer = column(answer).float()
        columns.append(answer)
    if estimator.passthrough:
        numbers = X.numbers("StackingClassifier") if isinstance(X, Table) else X
        columns.append(numbers.dense() if isinstance(numbers, Sparse) else numbers)
    given = g.join(columns)
    return translated(g, estimator.final_estimator_, given) | {"transform": given}


def bagged(g, estimator, X):
    for member, places in zip(estimator.estimators_, estimator.estimators_features_, strict=True):
        yield member, translated(g, member, X.take(places) if len(places) < estimator.n_features_in_ else X)


def bagged_numbers(g, estimator, X):
    return {"predict": mean(member["predict"] for _, member in bagged(g, estimator, X))}


def bagged_labels(g, estimator, X):
    each, scores = [], []
    for member, answers in bagged(g, estimator, X):
        if len(member.classes_) != len(estimator.classes_) or "predict_proba" not in answers:
            raise Untranslatable("a BaggingClassifier whose parts do not all give every label's probability")
        each.append(answers["predict_proba"])
        if "decision_function" in answers:
            scores.append(answers["decision_function"])
    average = mean(each)
    answers = {"predict": average.argmax(), "predict_proba": average}
    return answers | ({"decision_function": mean(scores)} if len(scores) == len(each) else {})


def adaptive(g, estimator, X):
    count = len(estimator.classes_)
    total: Any = 0.0  # a Tensor from the first estimator on
    places = np.arange(count)
    for member, weight in zip(estimator.estimators_, estimator.estimator_weights_, strict=False):
        chosen = column(translated(g, member, X)["predict"]).equals(places)
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
    for member in estimator.calibrated_classifiers_:
        answers = translated(g, member.estimator, X)
        scores = answers.get("decision_function", answers.get("predict_proba"))
        if scores is None:
            raise Untranslatable("CalibratedClassifierCV of a classifier without scores")
        two = len(estimator.classes_) == 2
        if two and "decision_function" not in answers:
            scores = scores.take([1])
        if len(member.calibrators) != (1 if two else len(estimator.classes_)):
            raise Untranslatable("CalibratedClassifierCV of another number of labels")
        scores = column(scores) if two else scores
        each = g.join([curve(g, one, scores.take([place])) for place, one in enumerate(member.calibrators)])
        if two:
            parts.append(pair(g, each))
            continue
        total = each.sum()
        parts.append(g.op("Where", total.equals(0.0), 1.0 / len(estimator.classes_), each / total))
    average = mean(parts)
    return {"predict": average.argmax(), "predict_proba": average}


def curve(g, calibrator, scores):
    """Scores [rows, 1] -> probabilities: a sigmoid, or the straight pieces of an isotonic regression."""
    if hasattr(calibrator, "a_"):
        return (-(scores * float(calibrator.a_) + float(calibrator.b_))).sigmoid()
    if not hasattr(calibrator, "X_thresholds_"):
        raise Untranslatable(f"CalibratedClassifierCV by {type(calibrator).__name__}")
    x, y = (np.asarray(each, dtype=np.float64) for each in (calibrator.X_thresholds_, calibrator.y_thresholds_))
    if len(x) == 1:
        return scores * 0.0 + float(y[0])
    along = g.op("Max", g.op("Min", scores - x[:-1], np.diff(x)), 0.0)  # how far into each piece a score has come
    return (along * (np.diff(y) / np.diff(x))).sum() + float(y[0])


def one_vs_rest(g, estimator, X):
    parts = [translated(g, member, X) for member in estimator.estimators_]
    scored = all("decision_function" in member for member in parts)
    answers = {}
    if all("predict_proba" in member for member in parts):
        each = g.join([member["predict_proba"].take([1]) for member in parts])
        if len(parts) == 1:
            answers["predict_proba"] = pair(g, each)
        elif estimator.multilabel_:
            answers["predict_proba"] = each
        else:
            total = each.sum()
            answers["predict_proba"] = each / g.op("Where", total.equals(0.0), 1.0, total)
    if scored:
        answers["decision_function"] = g.join([member["decision_function"] for member in parts])
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
    return {"predict": g.join([translated(g, member, X)["predict"] for member in estimator.estimators_])}


def several_labels(g, estimator, X):
    parts = [translated(g, member, X) for member in estimator.estimators_]
    answers = {"predict": g.join([column(member["predict"]) for member in parts])}
    if all("predict_proba" in member for member in parts):
        answers["predict_proba"] = [member["predict_proba"] for member in parts]
    return answers
