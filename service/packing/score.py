"""A model's score on rows with targets, as it is served: the rows go through JSON and its column plan.

    score(contract, X, y, "held-out rows")
    # {"accuracy": 0.97, "balanced_accuracy": 0.96, "roc_auc": 0.99, "scored_on": "140 held-out rows"}

Classifiers: accuracy, balanced accuracy, and for two labels the area under the ROC curve. Regressors: r2, the mean
absolute error and the root of the mean squared error, of several targets their mean.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn import metrics

from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.plain_values import dense, plain_values
from ..models.tables.plan import ColumnPlan
from .contract import Contract
from .sample_table import read_sample
from .schema import json_rows

__all__ = ["HELD_OUT", "SAMPLE", "score"]

MOST_ROWS = 20_000  # evenly spread over more
SAMPLE, HELD_OUT = "of the rows it was packed with", "held-out rows"
DIGITS = 6


def score(contract: Contract, X: Any, y: Any, on: str) -> dict[str, Any]:
    """{metric: its value} and "scored_on"; nothing where the model predicts no such targets. on: which rows these are.

    Raises InvalidInstances or ValueError for rows that the model does not take.
    """
    if y is None or contract.task not in MEASURES or "predict" not in contract.outputs:
        return {}
    frame, targets = read_sample(contract.estimator, X).frame, np.asarray(y)
    if len(targets) != len(frame):
        return {}
    places = np.unique(np.linspace(0, len(frame) - 1, MOST_ROWS).astype(int))
    rows, targets = json_rows(frame.iloc[places]), targets[places]
    methods = [method for method in ("predict", "predict_proba", "decision_function") if method in contract.outputs]
    values = ColumnPlan(contract.columns, contract.container).read(rows).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answers = SklearnRuntime(contract.estimator).run(values, methods)
        measured = MEASURES[contract.task](targets, answers)
    plain = {name: round(float(value), DIGITS) for name, value in measured.items() if np.isfinite(value)}
    return plain | {"scored_on": f"{len(rows)} {on}"} if plain else {}


def of_labels(targets: np.ndarray, answers: dict[str, Any]) -> dict[str, float]:
    predicted = dense(answers["predict"])
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if predicted.shape != targets.shape:
        return {}
    if predicted.ndim == 2:  # several targets: the share of rows in which all are right
        return {
            "accuracy": np.mean([one == other for one, other in zip(texts(predicted), texts(targets), strict=True)])
        }
    labels, truth = np.array(texts(predicted)), np.array(texts(targets))
    if not set(truth) & set(labels):  # as where the targets are names, and the model predicts their numbers
        return {}
    measured = {
        "accuracy": metrics.accuracy_score(truth, labels),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, labels),
    }
    scores = scores_of_second(answers)
    if scores is not None and len(set(truth)) == 2:
        second = labels[np.argmax(scores)]  # the label that the largest score stands for
        measured["roc_auc"] = metrics.roc_auc_score(truth == second, scores)
    return measured


def texts(array: np.ndarray) -> list[Any]:
    """Labels spelled as callers see them, so that True, 1 and "1" are three labels."""
    return [repr(value) for value in plain_values(dense(array))]


def scores_of_second(answers: dict[str, Any]) -> np.ndarray | None:
    """[rows]: the scores of the second of two labels; None where there are more of them."""
    probabilities, decision = answers.get("predict_proba"), answers.get("decision_function")
    if isinstance(probabilities, np.ndarray) and probabilities.ndim == 2 and probabilities.shape[1] == 2:
        return probabilities[:, 1]
    return decision if isinstance(decision, np.ndarray) and decision.ndim == 1 else None


def of_numbers(targets: np.ndarray, answers: dict[str, Any]) -> dict[str, float]:
    predicted = dense(answers["predict"])
    try:
        truth = targets.astype(float).reshape(predicted.shape)
    except (ValueError, TypeError):  # they are no numbers, or other targets
        return {}
    known = np.isfinite(truth).reshape(len(truth), -1).all(axis=1)
    truth, predicted = truth[known], predicted[known]
    if len(truth) < 2:
        return {}
    return {
        "r2": metrics.r2_score(truth, predicted),
        "mean_absolute_error": metrics.mean_absolute_error(truth, predicted),
        "root_mean_squared_error": metrics.root_mean_squared_error(truth, predicted),
    }


MEASURES = {"classifier": of_labels, "regressor": of_numbers}
