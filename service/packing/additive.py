"""Whether the numbers of a model are sums of functions of single columns: then its explanations have a closed form.

    additive(contract, "predict", by_class=False)     # {"by": "Ridge on StandardScaler", "pairs": 200, "gap": 3e-16}

Two things have to hold. By its structure: a linear model, on steps of which each makes its numbers of one column, or
sums of such numbers. And in fact: for pairs of rows, replacing the cells of one by those of the other one at a time
has to add up to replacing all, to GAP. The structure alone would trust a subclass; pairs of rows alone would miss what
happens elsewhere.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..models.explanations.scores import scores_of
from ..models.runtimes.sklearn import SklearnRuntime
from ..models.tables.mixing import joined, mixed
from ..models.tables.plan import ColumnPlan
from .contract import Contract

__all__ = ["additive"]

PAIRS, MIXTURES = 200, 20_000  # pairs of rows that are compared, and mixtures of them; the fewer count
GAP = 1e-9  # relative

# Classes of scikit-learn by what their numbers are made of. SEPARATE, of numbers that are each of one column, makes
# such again. AFFINE keeps that, and sums stay sums. SUMS makes sums of all. LINEAR models end a pipeline.
SEPARATE = {
    "Binarizer",
    "KBinsDiscretizer",
    "MissingIndicator",
    "OneHotEncoder",
    "OrdinalEncoder",
    "PowerTransformer",
    "QuantileTransformer",
    "SimpleImputer",
    "SplineTransformer",
    "TargetEncoder",
    "VarianceThreshold",
}
AFFINE = {"MaxAbsScaler", "MinMaxScaler", "RobustScaler", "StandardScaler"}
SUMS = {"PCA", "TruncatedSVD"}
LINEAR = {
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LinearSVC",
    "LinearSVR",
    "OrthogonalMatchingPursuit",
    "PassiveAggressiveClassifier",
    "PassiveAggressiveRegressor",
    "Perceptron",
    "QuantileRegressor",
    "RANSACRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDRegressor",
    "TheilSenRegressor",
}
COLUMN, SUM = 0, 1  # what a number is: of one column, or a sum of such


def additive(contract: Contract, method: str, *, by_class: bool) -> dict[str, Any] | None:
    """What the manifest says of it; None where it has not been shown. method: whose numbers are meant. by_class:
    whether they are scores of classes.
    """
    by = structure(contract.estimator)
    if by is None:
        return None
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # it was fitted on a frame, and gets an array
        try:
            pairs, gap = compared(contract, method, by_class=by_class)
        except Exception:  # it does not take some mixture of two rows
            return None
    return {"by": by, "pairs": pairs, "gap": gap} if gap <= GAP else None


def structure(estimator: Any) -> str | None:
    """The steps that make it a sum, in words; None where it is none, or is not known to be."""
    if named(estimator) in ("GridSearchCV", "RandomizedSearchCV"):
        return structure(estimator.best_estimator_)
    steps = [part for _, part in estimator.steps] if named(estimator) == "Pipeline" else [estimator]
    if named(steps[-1]) not in LINEAR:
        return None
    made: int | None = COLUMN
    for step in steps[:-1]:
        made = after(step, made)
    before = [type(step).__name__ for step in steps[:-1] if step not in (None, "passthrough")]
    on = f" on {', '.join(before)}" if before else ""
    return None if made is None else f"{type(steps[-1]).__name__}{on}"


def after(step: Any, made: int | None) -> int | None:
    """What the numbers are that a step gives. made: what it is given. None where that is not known."""
    name = named(step)
    handed_on = step is None or isinstance(step, str) or (name == "FunctionTransformer" and step.func is None)
    if made is None or handed_on:
        return made
    if name == "Pipeline":
        for _, part in step.steps:
            made = after(part, made)
        return made
    if name in ("ColumnTransformer", "FeatureUnion"):
        parts = step.transformers_ if name == "ColumnTransformer" else step.transformer_list
        results = [after(part[1], made) for part in parts]
        return None if None in results else max([each for each in results if each is not None], default=made)
    if name in AFFINE and not getattr(step, "clip", False):
        return made
    if name in SUMS:
        return SUM
    return COLUMN if made == COLUMN and name in SEPARATE | AFFINE else None


def named(part: Any) -> str:
    """The name of a class of scikit-learn itself, "" of any other: a subclass may compute anything."""
    kind = type(part)
    return kind.__name__ if kind.__module__.startswith("sklearn.") else ""


def compared(contract: Contract, method: str, *, by_class: bool) -> tuple[int, float]:
    """(how many pairs of rows were compared, the largest relative gap)."""
    plan, runtime = ColumnPlan(contract.columns, contract.container), SklearnRuntime(contract.estimator)
    table = joined([plan.read(contract.rows).values])
    columns, rng = len(plan.names), np.random.default_rng(0)
    pairs = max(2, min(PAIRS, MIXTURES // (columns + 2)))
    ones, others = rng.integers(len(contract.rows), size=(2, pairs))
    places = np.repeat(ones[:, None, None], columns + 2, axis=1).repeat(columns, axis=2)
    places[:, np.arange(columns), np.arange(columns)] = others[:, None]  # one cell of the other row
    places[:, columns] = others[:, None]  # all of them; behind these the row itself
    mixtures = mixed(table, places.reshape(-1, columns), plan.places, sparse=contract.container == "sparse")
    raw = runtime.run(mixtures, [method])[method]
    largest = 0.0
    for scores in scores_of(contract.outputs[method], raw, by_class=by_class):
        answers = scores.numbers.reshape(pairs, columns + 2, -1)
        moved, whole, own = answers[:, :columns] - answers[:, -1:], answers[:, columns], answers[:, -1]
        scale = np.abs(own) + np.abs(whole) + np.abs(moved).sum(axis=1) + np.finfo(float).tiny
        largest = max(largest, float((np.abs(whole - own - moved.sum(axis=1)) / scale).max()))
    return pairs, largest
