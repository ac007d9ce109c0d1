"""Decision trees and what is made of them: forests, gradient boosting, isolation.

scikit-learn's trees compare float32 values with float64 thresholds, and so does this: the
rows are rounded to float32 once, then everything is float64.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .linear import pair
from .sparse import Sparse
from .tables import Untranslatable

__all__ = [
    "BELOW",
    "Ensemble",
    "boosted_labels",
    "boosted_numbers",
    "forest_of_labels",
    "forest_of_numbers",
    "isolation",
    "tree_of_labels",
    "tree_of_numbers",
]

SMALLER, BELOW, MEMBER = 0, 1, 6  # ONNX's names for what a node asks: <=, <, in a set


@dataclass
class Ensemble:
    """The nodes of many trees, in the form of ONNX's TreeEnsemble; each leaf adds its weight to its target.

    asks: SMALLER or BELOW, what nodes ask that ask for no set. dtype: of rows, thresholds, leaves and sums.
    """

    asks: int = SMALLER
    dtype: Any = np.float64
    roots: list = field(default_factory=list)
    features: list = field(default_factory=list)
    splits: list = field(default_factory=list)
    modes: list = field(default_factory=list)
    missing_left: list = field(default_factory=list)
    left: list = field(default_factory=list)
    right: list = field(default_factory=list)
    members: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    targets: list = field(default_factory=list)

    def add(self, left, right, feature, threshold, missing_left, weights, target, members=None):
        """One tree, node by node; a leaf has left < 0. `weights` has one number a node.

        `members`: {node: the categories that go left}, for nodes that ask so.
        """
        inner, leaves = np.flatnonzero(left >= 0), np.flatnonzero(left < 0)
        if not len(inner):
            # A tree of one leaf: ONNX wants a node, whose two ways lead to the same number.
            left, right = np.array([1, -1, -1]), np.array([2, -1, -1])
            feature, threshold, missing_left = np.zeros(3, int), np.zeros(3), np.zeros(3, int)
            weights = np.repeat(weights[:1], 3)
            inner, leaves = np.array([0]), np.array([1, 2])
        places = np.empty(len(left), dtype=np.int64)
        places[inner] = len(self.features) + np.arange(len(inner))
        places[leaves] = len(self.weights) + np.arange(len(leaves))
        is_leaf = left < 0
        members = members or {}
        self.roots.append(len(self.features))
        self.features += feature[inner].tolist()
        self.splits += threshold[inner].tolist()
        self.modes += [MEMBER if node in members else self.asks for node in inner.tolist()]
        for node in inner.tolist():
            if node in members:
                self.members += [*members[node], np.nan]
        self.missing_left += [int(missing) for missing in missing_left[inner]]
        self.left += zip(places[left[inner]].tolist(), is_leaf[left[inner]].tolist(), strict=True)
        self.right += zip(places[right[inner]].tolist(), is_leaf[right[inner]].tolist(), strict=True)
        self.weights += weights[leaves].tolist()
        self.targets += [target] * len(leaves)

    def sums(self, g, X, targets):
        """[rows, targets]: what the leaves that each row falls into add up to, one tree after the other."""
        features = self.features
        if isinstance(X, Sparse):  # dense, but the columns that some tree asks for alone
            used, places = np.unique(features, return_inverse=True)
            X, features = X.take(used).dense(), places.tolist()
        extra = {"membership_values": np.array(self.members, dtype=self.dtype)} if self.members else {}
        return g.op(
            "TreeEnsemble",
            X,
            domain="ai.onnx.ml",
            n_targets=targets,
            aggregate_function=1,
            post_transform=0,
            tree_roots=self.roots,
            nodes_featureids=features,
            nodes_splits=np.array(self.splits, dtype=self.dtype),
            nodes_modes=np.array(self.modes, dtype=np.uint8),
            nodes_missing_value_tracks_true=self.missing_left,
            nodes_truenodeids=[place for place, _ in self.left],
            nodes_trueleafs=[int(leaf) for _, leaf in self.left],
            nodes_falsenodeids=[place for place, _ in self.right],
            nodes_falseleafs=[int(leaf) for _, leaf in self.right],
            leaf_targetids=self.targets,
            leaf_weights=np.array(self.weights, dtype=self.dtype),
            **extra,
        )


def grow(ensemble, tree, weights, target=0, features=None):
    """Add one of scikit-learn's trees; `features`: the columns it was grown on, where not all."""
    feature = tree.feature if features is None else np.asarray(features)[tree.feature]
    ensemble.add(
        tree.children_left, tree.children_right, feature, tree.threshold, tree.missing_go_to_left, weights, target
    )


def rounded(g, X):
    """Rows as float32 sees them; larger numbers than it has are refused, as scikit-learn does."""
    g.largest = float(np.finfo(np.float32).max)
    return X.cast(np.float32).float()


def leaf_values(g, X, trees):
    """[rows, values of a leaf], summed over the trees: for leaves of more than one number."""
    ensemble = Ensemble()
    table: list[Any] = []
    for place, tree in enumerate(trees):
        # The sum of a target of its own is the number of the leaf that the row fell into.
        leaves = tree.children_left < 0
        numbers = np.zeros(tree.node_count)
        numbers[leaves] = len(table) + np.arange(leaves.sum())
        grow(ensemble, tree, numbers, place)
        table += list(tree.value[leaves].reshape(leaves.sum(), -1))
    reached = ensemble.sums(g, rounded(g, X), len(trees)).int()
    return g.op("Gather", np.array(table, dtype=np.float64), reached, axis=0).sum(axis=1, keep=False)


def single_values(g, X, trees, column):
    """[rows, 1]: one number of each leaf, summed over the trees."""
    ensemble = Ensemble()
    for tree in trees:
        grow(ensemble, tree, tree.value[:, 0, column])
    return ensemble.sums(g, rounded(g, X), 1)


def labelled(g, estimator, X, trees):
    if estimator.n_outputs_ > 1:
        counts = estimator.n_classes_
        values = leaf_values(g, X, trees) / float(len(trees))
        widest = max(counts)
        each = [values.take(np.arange(place * widest, place * widest + count)) for place, count in enumerate(counts)]
        predicted = g.join([probabilities.argmax().reshape(-1, 1) for probabilities in each])
        return {"predict": predicted, "predict_proba": each}
    if estimator.n_classes_ == 2:
        # The tie of a forest is exactly a half of its trees, so the sum is divided only once.
        second = single_values(g, X, trees, 1)
        probability = second / float(len(trees))
        return {"predict": (probability > 1.0 - probability).int().reshape(-1), "predict_proba": pair(g, probability)}
    probabilities = leaf_values(g, X, trees) / float(len(trees))
    return {"predict": probabilities.argmax(), "predict_proba": probabilities}


def numbered(g, estimator, X, trees):
    if estimator.n_outputs_ > 1:
        return {"predict": leaf_values(g, X, trees) / float(len(trees))}
    return {"predict": single_values(g, X, trees, 0) / float(len(trees))}


def forest_of_labels(g, estimator, X):
    return labelled(g, estimator, X, [fitted.tree_ for fitted in estimator.estimators_])


def forest_of_numbers(g, estimator, X):
    return numbered(g, estimator, X, [fitted.tree_ for fitted in estimator.estimators_])


def tree_of_labels(g, estimator, X):
    return labelled(g, estimator, X, [estimator.tree_])


def tree_of_numbers(g, estimator, X):
    return numbered(g, estimator, X, [estimator.tree_])


def boosted(g, estimator, X):
    """[rows, trees a stage]: the raw predictions of gradient boosting."""
    if estimator.init_ != "zero" and type(estimator.init_).__module__.split(".")[:2] != ["sklearn", "dummy"]:
        raise Untranslatable(f"{type(estimator).__name__} that starts from another model")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
    ensemble = Ensemble()
    for stage in estimator.estimators_:
        for target, fitted in enumerate(stage):
            grow(ensemble, fitted.tree_, estimator.learning_rate * fitted.tree_.value[:, 0, 0], target)
    return ensemble.sums(g, rounded(g, X), estimator.estimators_.shape[1]) + start.astype(np.float64)


def boosted_numbers(g, estimator, X):
    return {"predict": boosted(g, estimator, X)}


def boosted_labels(g, estimator, X):
    raw = boosted(g, estimator, X)
    if estimator.estimators_.shape[1] > 1:
        return {"predict": raw.argmax(), "decision_function": raw, "predict_proba": raw.softmax()}
    steep = 2.0 if estimator.loss == "exponential" else 1.0
    return {
        "predict": (raw >= 0.0).int().reshape(-1),
        "decision_function": raw,
        "predict_proba": pair(g, (raw * steep).sigmoid()),
    }


def isolation(g, estimator, X):
    """Each leaf's weight is how deep it lies, counting on for the rows that were still together in it."""
    ensemble = Ensemble()
    parts = zip(
        estimator.estimators_,
        estimator.estimators_features_,
        estimator._decision_path_lengths,
        estimator._average_path_length_per_tree,
        strict=True,
    )
    for fitted, features, lengths, together in parts:
        grow(ensemble, fitted.tree_, lengths + together - 1.0, features=features)
    depths = ensemble.sums(g, rounded(g, X), 1)
    expected = len(estimator.estimators_) * average_path_length(estimator._max_samples)
    scores = -(2.0 ** (-depths / expected)) - estimator.offset_
    inside = (scores >= 0.0).int().reshape(-1)
    return {"predict": inside * np.array(2) - np.array(1), "decision_function": scores}


def average_path_length(rows):
    """How deep a tree of random cuts lies on average over so many rows (Liu, Ting and Zhou, 2008, equation 1)."""
    if rows <= 2:
        return max(0.0, rows - 1.0)
    return 2.0 * (np.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows
