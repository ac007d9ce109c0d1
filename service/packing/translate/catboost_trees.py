"""CatBoost: its wrappers and bare models, from the JSON that the library itself writes.

Numbers and borders are float32, leaves and sums float64; a split asks `>`. Categories are read by
`catboost_categories`, which makes a number of each that the trees can ask.
"""

import numpy as np

from .boosted import single
from .catboost_categories import Categories, document
from .linear import pair
from .tables import Table, Untranslatable
from .trees import Ensemble

__all__ = ["bare", "labels", "numbers"]

FLOAT, ONE_HOT, STATISTIC = "FloatFeature", "OneHotFeature", "OnlineCtr"
TRUE = "AsTrue"  # a missing number is larger than every border
ONE_EACH = ("MultiClassOneVsAll", "MultiLogloss", "MultiCrossEntropy")


def bare(g, estimator, X):
    """Models without a task, and rankers: the sums."""
    return {"predict": summed(g, estimator, X)[0]}


def numbers(g, estimator, X):
    kind = estimator._get_default_prediction_type()
    if kind not in ("RawFormulaVal", "Exponent"):
        raise Untranslatable(f"CatBoost's prediction type {kind}")
    scores, _ = summed(g, estimator, X)
    return {"predict": scores.exp() if kind == "Exponent" else scores}


def labels(g, estimator, X):
    scores, model = summed(g, estimator, X)
    loss = model["model_info"]["params"]["loss_function"]["type"]
    if loss in ONE_EACH:
        each = scores.sigmoid()
        several = loss != ONE_EACH[0]
        return {"predict": (scores > 0.0).int() if several else scores.argmax().reshape(-1, 1), "predict_proba": each}
    if loss == "MultiClass":
        return {"predict": scores.argmax().reshape(-1, 1), "predict_proba": scores.softmax()}
    if estimator.get_probability_threshold() != 0.5:
        raise Untranslatable("CatBoost with a probability threshold of its own")
    return {"predict": (scores > 0.0).int().reshape(-1), "predict_proba": pair(g, scores.sigmoid())}


def summed(g, estimator, X):
    """([rows, numbers a leaf] scale * sums + bias, the model as JSON)."""
    columns = X.columns if isinstance(X, Table) else ()
    listed = {place: column.categories for place, column in enumerate(columns) if column.categories is not None}
    model = document(estimator, listed)
    inputs = Inputs(g, model, X)
    scale, bias = model["scale_and_bias"]
    trees = [*map(oblivious, model.get("oblivious_trees", ())), *map(branching, model.get("trees", ()))]
    ensemble = Ensemble()
    if len(bias) == 1:
        for nodes in trees:
            grow(ensemble, inputs, nodes, np.array([leaf[0] for leaf in nodes.leaves]), 0)
        sums = ensemble.sums(g, inputs.rows(), 1)
    else:
        table: list[list[float]] = []
        for place, nodes in enumerate(trees):
            grow(ensemble, inputs, nodes, len(table) + np.arange(len(nodes.leaves), dtype=np.float64), place)
            table += nodes.leaves
        reached = ensemble.sums(g, inputs.rows(), len(trees)).int()
        sums = g.op("Gather", np.array(table, dtype=np.float64), reached, axis=0).sum(axis=1, keep=False)
    return sums * float(scale) + np.array(bias, dtype=np.float64), model


class Nodes:
    """One tree: `splits` and the places of the nodes below them, inner nodes first; `leaves` [leaves, numbers]."""

    def __init__(self):
        self.splits, self.left, self.right, self.leaves = [], [], [], []


def oblivious(tree):
    """A tree whose levels ask one question each; the answers, from the lowest bit on, are the leaf's number."""
    nodes, splits = Nodes(), tree["splits"] or []
    for level, split in enumerate(splits):
        below = 2 ** (level + 1) - 1
        for place in range(2**level):
            nodes.splits.append(split)
            nodes.left.append(below + place)
            nodes.right.append(below + place + 2**level)
    values = tree["leaf_values"]
    width = len(values) // 2 ** len(splits)
    nodes.leaves = [values[start : start + width] for start in range(0, len(values), width)]
    return nodes


def branching(tree):
    """A tree of any shape."""
    nodes, inner, waiting = Nodes(), [], [tree]
    while waiting:
        part = waiting.pop()
        if "split" in part:
            inner.append(part)
            waiting += [part["right"], part["left"]]
    places = {id(part): place for place, part in enumerate(inner)}
    for part in inner:
        nodes.splits.append(part["split"])
        for side, ways in (("left", nodes.left), ("right", nodes.right)):
            below = part[side]
            if "split" not in below:
                places[id(below)] = len(inner) + len(nodes.leaves)
                nodes.leaves.append(values_of(below))
            ways.append(places[id(below)])
    if not inner:
        nodes.leaves.append(values_of(tree))
    return nodes


def values_of(leaf):
    value = leaf["value"]
    return value if isinstance(value, list) else [value]


class Inputs:
    """What the trees ask: the model's numbers, and numbers made of its categories, each a column."""

    def __init__(self, g, model, X):
        info = model["features_info"]
        self.floats = info.get("float_features", [])
        self.columns = [feature["flat_feature_index"] for feature in self.floats]
        tensor = X.tensor if isinstance(X, Table) else X
        self.numbers = single(tensor.take(self.columns)) if self.floats else None
        self.categories = Categories(g, model, X, self.numbers)

    def rows(self):
        """[rows, columns] of all that the trees grown so far ask for."""
        made = self.categories.tensors()
        return self.categories.g.join([*([self.numbers] if self.floats else []), *made])

    def question(self, split):
        """(column, border, whether a missing number goes left) of a split; what is larger goes right."""
        if split["split_type"] == FLOAT:
            feature = self.floats[split["float_feature_index"]]
            return split["float_feature_index"], split["border"], feature["nan_value_treatment"] != TRUE
        if split["split_type"] == ONE_HOT:
            return len(self.floats) + self.categories.is_one(split["cat_feature_index"], split["value"]), 0.5, True
        if split["split_type"] == STATISTIC:
            return len(self.floats) + self.categories.statistic(split["split_index"]), split["border"], True
        raise Untranslatable(f"CatBoost's splits of the kind {split['split_type']}")


def grow(ensemble, inputs, nodes, weights, target):
    inner, leaves = len(nodes.splits), len(nodes.leaves)
    asked = [inputs.question(split) for split in nodes.splits]
    padding = [-1] * leaves
    feature, border, missing_left = zip(*asked, strict=True) if asked else ((), (), ())
    ensemble.add(
        np.array([*nodes.left, *padding]),
        np.array([*nodes.right, *padding]),
        np.array([*feature, *padding]),
        np.array([*border, *padding], dtype=np.float64),
        np.array([*missing_left, *padding]),
        np.append(np.zeros(inner), weights),
        target,
    )
