"""Steps that make numbers of numbers: scalers, imputers, bins, powers, selections."""

from functools import partial

import numpy as np
from sklearn.utils import check_array

from .sparse import Sparse
from .tables import Untranslatable

__all__ = [
    "FUNCTIONS",
    "above",
    "binarizer",
    "bins",
    "function",
    "imputer",
    "largest_scaler",
    "normalized",
    "normalizer",
    "polynomial",
    "range_scaler",
    "robust_scaler",
    "selector",
    "standard_scaler",
]

# The functions of numpy that a FunctionTransformer may be of.
FUNCTIONS = {
    None: lambda g, X: X,
    np.abs: lambda g, X: g.op("Abs", X),
    np.exp: lambda g, X: X.exp(),
    np.expm1: lambda g, X: X.exp() - 1.0,
    np.log: lambda g, X: g.op("Log", X),
    np.log1p: lambda g, X: g.op("Log", X + 1.0),
    np.sqrt: lambda g, X: g.op("Sqrt", X),
    np.square: lambda g, X: X * X,
}


def standard_scaler(g, estimator, X):
    if estimator.with_mean:
        X = (X.dense() if isinstance(X, Sparse) else X) - estimator.mean_
    return {"transform": X / estimator.scale_ if estimator.with_std else X}


def robust_scaler(g, estimator, X):
    if estimator.with_centering:
        X = X - estimator.center_
    return {"transform": X / estimator.scale_ if estimator.with_scaling else X}


def range_scaler(g, estimator, X):
    scaled = X * estimator.scale_ + estimator.min_
    if estimator.clip:
        lowest, highest = map(float, estimator.feature_range)
        scaled = g.op("Min", g.op("Max", scaled, lowest), highest)
    return {"transform": scaled}


def largest_scaler(g, estimator, X):
    scaled = X / estimator.scale_
    if getattr(estimator, "clip", False):
        scaled = scaled.dense() if isinstance(scaled, Sparse) else scaled
        scaled = g.op("Min", g.op("Max", scaled, -1.0), 1.0)
    return {"transform": scaled}


def normalizer(g, estimator, X):
    return {"transform": normalized(g, X, estimator.norm)}


def normalized(g, X, norm):
    """Every row divided by its length: the root of its squares ("l2"), the sum ("l1") or the largest ("max") of sizes.

    X: Tensor or Sparse.
    """
    numbers = X.numbers() if isinstance(X, Sparse) else X
    if norm == "max":
        length = g.op("Abs", numbers).max()
    else:
        length = g.op({"l1": "ReduceL1", "l2": "ReduceL2"}[norm], numbers, np.array([1]), keepdims=1)
    length = g.op("Where", length.equals(0.0), 1.0, length)
    return X.by_row(length) if isinstance(X, Sparse) else X / length


def binarizer(g, estimator, X):
    return {"transform": above(g, X, estimator.threshold)}


def above(g, X, threshold):
    """1.0 where a number is larger, else 0.0. X: Tensor or Sparse."""

    def one(numbers):
        return g.op("Greater", numbers, float(threshold)).float()

    if isinstance(X, Sparse):
        return X.mapped(one) if threshold >= 0 else one(X.dense())
    return one(X)


def function(g, estimator, X):
    if isinstance(estimator.func, partial) and estimator.func.func is check_array:
        return {"transform": X}  # what histogram gradient boosting puts before its numbers
    if estimator.func not in FUNCTIONS or estimator.kw_args:
        raise Untranslatable(f"FunctionTransformer of {getattr(estimator.func, '__name__', estimator.func)}")
    if isinstance(X, Sparse) and estimator.func is not None:
        X = X.dense()
    return {"transform": FUNCTIONS[estimator.func](g, X)}


def imputer(g, estimator, X):
    missing = estimator.missing_values
    if estimator.statistics_.dtype.kind not in "fiu" or not isinstance(missing, int | float):
        raise Untranslatable("SimpleImputer of other values than numbers")
    absent = g.op("IsNaN", X) if np.isnan(missing) else X.equals(float(missing))
    statistics = estimator.statistics_.astype(np.float64)
    filled = g.op("Where", absent, np.where(np.isnan(statistics), 0.0, statistics), X)
    dropped = np.isnan(statistics) & (not estimator.keep_empty_features)
    if dropped.any():
        filled = filled.take(np.flatnonzero(~dropped))
    if estimator.add_indicator:
        filled = g.join([filled, absent.float().take(estimator.indicator_.features_)])
    return {"transform": filled}


def selector(g, estimator, X):
    return {"transform": X.take(estimator.get_support(indices=True))}


def bins(g, estimator, X):
    counts = estimator.n_bins_.tolist()
    inner = np.full((len(counts), max(counts)), np.inf)
    for place, edges in enumerate(estimator.bin_edges_):
        inner[place, : len(edges) - 2] = edges[1:-1]
    reached = (g.op("Unsqueeze", X, np.array([2])) >= inner[None]).float()
    places = reached.sum(axis=2, keep=False)
    if estimator.encode == "ordinal":
        return {"transform": places}
    each = g.op("Unsqueeze", places, np.array([2])).equals(np.arange(float(max(counts))))
    kept = [place * max(counts) + index for place, count in enumerate(counts) for index in range(count)]
    return {"transform": each.float().reshape(-1, len(counts) * max(counts)).take(kept)}


def polynomial(g, estimator, X):
    powers = estimator.powers_
    factors = [np.repeat(np.arange(len(row)), row).tolist() for row in powers]
    degree = max(map(len, factors))
    if not degree:
        raise Untranslatable("PolynomialFeatures of degree 0")
    ones = len(powers[0])  # the place of a column of ones, which fills up the products of fewer factors
    padded = np.array([row + [ones] * (degree - len(row)) for row in factors])
    extended = g.op("Pad", X, np.array([0, 0, 0, 1]), 1.0)
    product = extended.take(padded[:, 0])
    for place in range(1, degree):
        product = product * extended.take(padded[:, place])
    return {"transform": product}
