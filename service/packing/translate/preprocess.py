"""Steps that make numbers of numbers: scalers, imputers, bins, powers, selections."""

from functools import partial

import numpy as np
from sklearn.utils import check_array

from .tables import Untranslatable

__all__ = [
    "FUNCTIONS",
    "binarizer",
    "bins",
    "function",
    "imputer",
    "largest_scaler",
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
        X = X - estimator.mean_
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
        scaled = g.op("Min", g.op("Max", scaled, -1.0), 1.0)
    return {"transform": scaled}


def normalizer(g, estimator, X):
    if estimator.norm == "l2":
        norms = g.op("ReduceL2", X, np.array([1]), keepdims=1)
    elif estimator.norm == "l1":
        norms = g.op("ReduceL1", X, np.array([1]), keepdims=1)
    else:
        norms = g.op("Abs", X).max()
    return {"transform": X / g.op("Where", norms.equals(0.0), 1.0, norms)}


def binarizer(g, estimator, X):
    return {"transform": g.op("Greater", X, float(estimator.threshold)).float()}


def function(g, estimator, X):
    if isinstance(estimator.func, partial) and estimator.func.func is check_array:
        return {"transform": X}  # what histogram gradient boosting puts before its numbers
    if estimator.func not in FUNCTIONS or estimator.kw_args:
        raise Untranslatable(f"FunctionTransformer of {getattr(estimator.func, '__name__', estimator.func)}")
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
