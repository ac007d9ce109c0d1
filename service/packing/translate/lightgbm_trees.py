"""LightGBM: its wrappers for scikit-learn and bare Boosters, from the text that the library itself saves.

Everything is float64. A node asks `<=`, or whether a category is in a set; what it does with a missing number, and
whether zero is one, is written in each node.
"""

import re

import numpy as np

from .boosted import features, places_of
from .linear import pair
from .tables import Untranslatable
from .trees import Ensemble

__all__ = ["booster", "labels", "numbers"]

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of a node's decision_type; above them is what counts as missing
NOTHING, ZERO = 0, 1
ZEROS = float(np.float32(1e-35))  # LightGBM's kZeroThreshold
BITS = 32  # of a word of a set of categories
EXPONENTIAL = ("poisson", "gamma", "tweedie")
# fmt: off
IDENTITY = (
    "regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg",
)
# fmt: on


def numbers(g, estimator, X):
    """Regressors and rankers."""
    return booster(g, estimator, X)


def booster(g, estimator, X):
    """A bare Booster: what the objective makes of the sums, the probability of the second of two labels."""
    objective, _, scores = summed(g, estimator, X)
    return {"predict": transformed(g, objective, scores)}


def labels(g, estimator, X):
    objective, raw, scores = summed(g, estimator, X)
    probabilities = transformed(g, objective, scores)
    if estimator.n_classes_ == 2:
        probabilities = pair(g, probabilities)
    return {"predict": probabilities.argmax(), "predict_proba": probabilities, "decision_function": raw}


def transformed(g, objective, scores):
    name, *options = objective.split(" ")
    steep = next((float(option.split(":")[1]) for option in options if option.startswith("sigmoid:")), 1.0)
    if name in IDENTITY:
        return g.op("Where", scores < 0.0, -scores, scores) * scores if "sqrt" in options else scores
    if name in ("binary", "multiclassova"):
        return (scores * steep).sigmoid()
    if name == "cross_entropy":
        return scores.sigmoid()
    if name == "cross_entropy_lambda":
        return g.op("Log", scores.exp() + 1.0)
    if name == "multiclass":
        return scores.softmax()
    if name in EXPONENTIAL:
        return scores.exp()
    raise Untranslatable(f"LightGBM's objective {objective}")


def summed(g, estimator, X):
    """(the objective, [rows, trees an iteration] the sums, the scores: a forest's are divided by its iterations)."""
    bare = getattr(estimator, "booster_", estimator)
    header, trees = read(bare.model_to_string())
    width, kept = int(header["num_tree_per_iteration"]), iter(bare.pandas_categorical or ())
    rows = features(g, X, lambda place, column: places_of(column, next(kept)))
    missing: dict[int, int] = {}  # feature -> what counts as missing, the same in all of its nodes
    ensemble = Ensemble()
    for place, tree in enumerate(trees):
        grow(ensemble, tree, place % width, missing)
    total = ensemble.sums(g, prepared(g, rows, missing, len(header["feature_names"].split(" "))), width)
    scores = total / float(len(trees) // width) if "average_output" in header else total
    return header["objective"], total, scores


def read(text):
    """The text of a model -> (its header, its trees), as {name: text}."""
    before, *each = re.split(r"^Tree=\d+$", text.partition("end of trees")[0], flags=re.MULTILINE)
    return entries(before), [entries(tree) for tree in each]


def entries(text):
    return {name: value for name, _, value in (line.partition("=") for line in text.splitlines())}


def grow(ensemble, tree, target, missing):
    """Add one tree. Its inner nodes are numbered from 0, its leaves ~0, ~1, ...; here the leaves come behind."""
    if tree.get("is_linear") == "1":
        raise Untranslatable("LightGBM's linear trees")
    leaves = array(tree, "leaf_value", float)
    inner = len(leaves) - 1
    places = np.arange(inner + len(leaves))
    weights = np.append(np.zeros(inner), leaves)
    if not inner:
        ensemble.add(places - 1, places, places, places, places, weights, target)
        return
    left, right = array(tree, "left_child", int), array(tree, "right_child", int)
    feature, threshold = array(tree, "split_feature", int), array(tree, "threshold", float)
    decisions = array(tree, "decision_type", int)
    categorical, kind = decisions & CATEGORICAL != 0, decisions >> 2
    for one, what in zip(feature[~categorical].tolist(), kind[~categorical].tolist(), strict=True):
        if missing.setdefault(one, what) != what:
            raise Untranslatable("LightGBM's trees that do not agree on what is missing")
    missing |= dict.fromkeys(feature[categorical].tolist(), CATEGORICAL << 2)
    # Where nothing counts as missing, a NaN is zero; in no set it is.
    goes_left = np.where(kind == NOTHING, threshold >= 0, decisions & DEFAULT_LEFT != 0) & ~categorical
    padding = np.full(len(leaves), -1)
    ensemble.add(
        np.append(np.where(left < 0, inner + ~left, left), padding),
        np.append(np.where(right < 0, inner + ~right, right), padding),
        np.append(feature, padding),
        np.append(threshold, padding),
        np.append(goes_left, padding),
        weights,
        target,
        sets(tree, np.flatnonzero(categorical), threshold),
    )


def array(tree, name, kind):
    return np.array(tree[name].split(" "), dtype=kind)


def sets(tree, nodes, threshold):
    """{node: the categories that go left}: its threshold says which words of bits are its own."""
    if not len(nodes):
        return {}
    bounds, words = array(tree, "cat_boundaries", int), array(tree, "cat_threshold", np.int64)
    found = {}
    for node in nodes.tolist():
        own = words[slice(*bounds[int(threshold[node]) :][:2])].tolist()
        each = (BITS * place + bit for place, word in enumerate(own) for bit in range(BITS) if word >> bit & 1)
        found[node] = [float(category) for category in each] or [-1.0]
    return found


def prepared(g, rows, missing, width):
    """Zeros as NaN where they count as missing; numbers that stand for categories cut to whole ones."""
    zero, category = np.zeros((2, 1, width), dtype=bool)
    for feature, what in missing.items():
        zero[0, feature], category[0, feature] = what == ZERO, what == CATEGORICAL << 2
    if zero.any():
        rows = g.op("Where", g.op("And", zero, g.op("Abs", rows) <= ZEROS), np.nan, rows)
    if category.any():
        cut = g.op("Where", rows < 0.0, -g.op("Floor", -rows), g.op("Floor", rows))
        rows = g.op("Where", category, cut, rows)
    return rows
