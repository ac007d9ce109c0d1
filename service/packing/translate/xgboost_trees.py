"""XGBoost: its wrappers for scikit-learn and bare Boosters, from the model that the library itself writes as JSON.

Rows, thresholds, leaves and sums are float32; a node asks `<`. The sums are added up in the library's order, so they
are the library's to the last bit.
"""

import json
from itertools import pairwise

import numpy as np

from .boosted import features, places_of, single, single_sigmoid, single_softmax
from .linear import pair
from .tables import Table, Untranslatable
from .trees import BELOW, Ensemble

__all__ = ["booster", "labels", "numbers"]

EXPONENTIAL = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")
LOGISTIC = ("reg:logistic", "binary:logistic")
SOFTMAX = ("multi:softprob", "multi:softmax")
# fmt: off
IDENTITY = (
    "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
    "reg:quantileerror", "reg:expectileerror", "binary:logitraw", "rank:pairwise", "rank:ndcg", "rank:map",
)
# fmt: on


def numbers(g, estimator, X):
    """Regressors and rankers: what predict gives is what the objective makes of the sum."""
    return {"predict": transformed(g, *margin(g, estimator, X))}


def labels(g, estimator, X):
    objective, scores = margin(g, estimator, X)
    if objective in SOFTMAX:
        probabilities = single_softmax(scores)
        return {"predict": probabilities.argmax(), "predict_proba": probabilities}
    second = transformed(g, objective, scores)
    if estimator.n_classes_ == 2 and not targets_of(estimator.get_booster()) > 1:
        return {"predict": (second > 0.5).int().reshape(-1), "predict_proba": single(pair(g, second))}
    return {"predict": (second > 0.5).int(), "predict_proba": second}


def booster(g, estimator, X):
    """A bare Booster: probabilities where the objective has them, and the place of the largest for multi:softmax."""
    objective, scores = margin(g, estimator, X)
    if objective == "multi:softmax":
        return {"predict": scores.argmax().float()}
    return {"predict": transformed(g, objective, scores)}


def transformed(g, objective, scores):
    if objective in IDENTITY:
        return scores
    if objective in EXPONENTIAL:
        return single(scores.exp())
    if objective in LOGISTIC:
        return single_sigmoid(g, scores)
    if objective in SOFTMAX:
        return single_softmax(scores)
    if objective == "binary:hinge":
        return (scores > 0.0).float()
    raise Untranslatable(f"XGBoost's objective {objective}")


def margin(g, estimator, X):
    """(the objective's name, [rows, targets or classes] the sums of float32 as float64)."""
    bare = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    learner = json.loads(bytes(bare.save_raw("json")))["learner"]
    objective, parameters = learner["objective"]["name"], learner["learner_model_param"]
    base = base_margin(objective, parameters["base_score"])
    width = max(int(parameters["num_class"]), int(parameters.get("num_target", 1)), 1)
    base = np.broadcast_to(base, width).astype(np.float32)
    gradient = learner["gradient_booster"]
    g.single = True
    if gradient["name"] == "gblinear":
        scores = linear(absent(g, estimator, X, features(g, X, no_categories)), g, gradient["model"]["weights"], base)
        return objective, scores
    weights = gradient.get("weight_drop")
    model = gradient["gbtree"]["model"] if "gbtree" in gradient else gradient["model"]
    rows = absent(g, estimator, X, features(g, X, recoded(model.get("cats") or {})))
    rows = whole(g, X, rows, learner["feature_types"])
    chosen = slice(*rounds(estimator, model))
    trees, groups = model["trees"][chosen], model["tree_info"][chosen]
    factors = np.ones(len(trees)) if weights is None else weights[chosen]
    if trees and int(trees[0]["tree_param"]["size_leaf_vector"]) > 1:
        return objective, leaf_vectors(g, rows, trees, base)
    return objective, sums(g, rows, trees, groups, factors, base)


def base_margin(objective, written):
    """What the sums begin with, [1 or targets] float32: base_score before the objective's own function."""
    scores = np.array(json.loads(written) if written.startswith("[") else [float(written)], dtype=np.float32)
    if objective in LOGISTIC or objective == "binary:logitraw":
        return -np.log(np.float32(1.0) / scores - np.float32(1.0))
    return np.log(scores) if objective in EXPONENTIAL else scores


def rounds(estimator, model):
    """(first tree, last tree + 1) of those that predict uses: up to the best round of a wrapper that stopped early."""
    best = estimator.get_booster().attr("best_iteration") if hasattr(estimator, "get_booster") else None
    ends = model["iteration_indptr"]
    return 0, ends[-1] if best is None else ends[int(best) + 1]


def targets_of(bare):
    config = json.loads(bare.save_config())
    return int(config["learner"]["learner_model_param"].get("num_target", 1))


def absent(g, estimator, X, rows):
    """The rows with NaN for the number that the wrapper takes for a missing one, and for zeros of a sparse matrix."""
    missing = getattr(estimator, "missing", np.nan)
    if missing is not None and not np.isnan(missing):
        rows = g.op("Where", rows.equals(float(missing)), np.nan, rows)
    sparse = X.container == "sparse" if isinstance(X, Table) else X.sparse
    return g.op("Where", rows.equals(0.0), np.nan, rows) if sparse else rows


def recoded(categories):
    """For `features`: the places that the model gave to categories when it was fitted; none kept, as they stand."""
    kept = categories.get("enc") or []

    def recode(place, column):
        values = decoded(kept[place]) if place < len(kept) else []
        return places_of(column, values) if values else range(len(column.categories))

    return recode


def decoded(entry):
    """The categories of a column: numbers, or texts as their bytes one after the other."""
    values, offsets = entry["values"], entry.get("offsets")
    if offsets is None:
        return values
    return [bytes(each % 256 for each in values[a:b]).decode() for a, b in pairwise(offsets)]


def no_categories(place, column):
    raise Untranslatable(f"a linear booster reads the categories of column {column.name!r}")


def whole(g, X, rows, types):
    """Columns of numbers that stand for categories, cut to whole ones as the library does."""
    stand_for = np.array([kind == "c" for kind in types])
    if isinstance(X, Table) and stand_for.any():
        stand_for &= [column.categories is None for column in X.columns]
    return g.op("Where", stand_for[None], g.op("Floor", rows), rows) if stand_for.any() else rows


def linear(rows, g, weights, base):
    """base + bias + rows @ weights; a missing number adds nothing."""
    table = np.array(weights, dtype=np.float32).reshape(-1, len(base)).astype(np.float64)
    present = g.op("Where", g.op("IsNaN", rows), 0.0, single(rows))
    return single(present @ table[:-1] + (table[-1] + base))


def sums(g, rows, trees, groups, factors, base):
    """[rows, groups]: the base is added to the leaves of each group's first tree, where the library begins with it."""
    ensemble, begun = Ensemble(asks=BELOW, dtype=np.float32), set()
    for tree, group, factor in zip(trees, groups, factors, strict=True):
        leaves = np.float32(factor) * np.array(tree["split_conditions"], dtype=np.float32)
        if group not in begun:
            leaves = base[group] + leaves
            begun.add(group)
        grow(ensemble, tree, leaves, group)
    for group in set(range(len(base))) - begun:
        leaf = np.array([-1])
        ensemble.add(leaf, leaf, leaf, leaf, leaf, base[[group]], group)
    return ensemble.sums(g, rows.cast(np.float32), len(base)).float()


def leaf_vectors(g, rows, trees, base):
    """Trees whose leaves hold a number for each target: the leaves' numbers first, then the rows of a table."""
    ensemble = Ensemble(asks=BELOW, dtype=np.float32)
    table: list[list[float]] = []
    for place, tree in enumerate(trees):
        left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
        grow(ensemble, tree, np.where(left < 0, right + len(table), 0), place)
        table += np.array(tree["leaf_weights"], dtype=np.float32).reshape(-1, len(base)).tolist()
    reached = ensemble.sums(g, rows.cast(np.float32), len(trees)).int()
    values = g.op("Gather", np.array(table, dtype=np.float64), reached, axis=0)
    return single(values.sum(axis=1, keep=False) + base.astype(np.float64))


def grow(ensemble, tree, leaves, target):
    """Add one tree; members of a set go right here, and left in ONNX."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    missing_left = np.array(tree["default_left"])
    asks_set = np.array(tree["split_type"], dtype=bool) & (left >= 0)
    left, right = np.where(asks_set, right, left), np.where(asks_set, left, right)
    missing_left = np.where(asks_set, 1 - missing_left, missing_left)
    starts, sizes = tree["categories_segments"], tree["categories_sizes"]
    sets = {
        node: tree["categories"][start : start + size] or [-1.0]
        for node, start, size in zip(tree["categories_nodes"], starts, sizes, strict=True)
    }
    thresholds = np.array(tree["split_conditions"], dtype=np.float32)
    ensemble.add(left, right, np.array(tree["split_indices"]), thresholds, missing_left, leaves, target, sets)
