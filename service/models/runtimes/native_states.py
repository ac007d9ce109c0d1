"""States that compiled code takes as they are, although numbers in them are places in memory.

native_refusal(tree, state)      # "sklearn.tree._tree.Tree has a state whose numbers lead out of it", or None

A damaged tree whose node is its own child never ends; a child, a feature or a row that is not there is read from
other memory, and may end the process at the first request that comes by. An array whose dtype hides that it holds
objects takes numbers of the file for pointers.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from scipy import sparse

from .pickle_rules import home

__all__ = ["native_refusal"]

ALIGNED_STRUCT = 0x80  # a flag of dtypes that says how fields were laid out


def native_refusal(built: Any, state: Any) -> str | None:
    """Why an object may not be given this state; None where it may, or no rule is known."""
    name = home(type(built)) or ""
    rule = next((rule for class_, rule in TYPES.items() if isinstance(built, class_)), RULES.get(name))
    if rule is None:
        return None
    try:
        whole = rule(built, state)
    except (TypeError, ValueError, LookupError, AttributeError):  # an array that is none, or of another shape
        whole = False
    return None if whole else f"{name} has a state whose numbers lead out of it"


def dtype(built: np.dtype, state: Any) -> bool:
    """Whether the state is that of the dtype which its parts make; those of numpy itself stay as they are."""
    _, order, inner, names, fields, size, _, flags, *_ = state
    if inner is not None:
        expected = np.dtype((inner[0], inner[1]))
    elif names is not None:
        formats, offsets = ([fields[name][part] for name in names] for part in (0, 1))
        expected = np.dtype({"names": list(names), "formats": formats, "offsets": offsets, "itemsize": size})
    else:
        expected = built.newbyteorder(order)
        size = expected.itemsize if size == -1 and built.kind not in "SUV" else size
    made = expected.kind == built.kind and built.isbuiltin != 1
    return made and size == expected.itemsize and flags & ~ALIGNED_STRUCT == expected.flags


def array(built: np.ndarray, state: Any) -> bool:
    """Whether there are as many values as the shape says; numpy counts bytes by itself."""
    shape, kind, _, values = state if len(state) == 4 else state[1:5]
    return not kind.hasobject or (type(values) is list and len(values) == prod(shape))


def compressed(built: Any, state: Any) -> bool:
    """Of scipy's matrices in compressed rows or columns."""
    shape = state["_shape"]
    major, minor = shape if built.format == "csr" else shape[::-1]
    starts, places = state["indptr"], state["indices"]
    return (
        len(starts) == major + 1
        and starts[0] == 0
        and bool((np.diff(starts) >= 0).all())
        and starts[-1] <= min(len(places), len(state["data"]))
        and within(places, minor)
    )


def tree(built: Any, state: Any) -> bool:
    nodes = state["nodes"]
    inner = nodes["left_child"] != -1
    return (
        state["node_count"] == len(nodes)
        and later(nodes["left_child"], inner)
        and later(nodes["right_child"], inner)
        and within(nodes["feature"][inner], built.n_features)
    )


def predictor(built: Any, state: Any) -> bool:
    """Of gradient boosting by histograms; how many features there are it does not know."""
    nodes = state["nodes"]
    inner, categorical = nodes["is_leaf"] == 0, nodes["is_categorical"] == 1
    return (
        later(nodes["left"], inner)
        and later(nodes["right"], inner)
        and bool((nodes["feature_idx"][inner] >= 0).all())
        and within(nodes["bitset_idx"][categorical], len(state["raw_left_cat_bitsets"]))
    )


def neighbours(built: Any, state: Any) -> bool:
    """Of KDTree and BallTree: rows, their order, nodes in a binary heap, bounds of nodes."""
    data, order, nodes, bounds, leaf_size, levels, count, *counts = state
    places = np.arange(len(nodes))
    return (
        len(state) == 13
        and all(type(number) is int for number in (leaf_size, levels, count, *counts[:4]))
        and data.ndim == 2
        and bounds.shape[1:] == (count, data.shape[1])
        and order.shape == (len(data),)
        and within(order, len(data))
        and len(nodes) == count == 2**levels - 1
        and within(nodes["idx_start"], len(data) + 1)
        and within(nodes["idx_end"], len(data) + 1)
        and bool((nodes["is_leaf"][2 * places + 2 >= count] == 1).all())
        and type(counts[4]).__module__ == "sklearn.metrics._dist_metrics"
    )


def later(children: np.ndarray, inner: np.ndarray) -> bool:
    """Whether the children of every inner node are nodes that come after it, so that no path is endless."""
    chosen = children[inner].astype(np.int64)
    return bool((chosen > np.flatnonzero(inner)).all()) and within(chosen, len(children))


def within(places: np.ndarray, count: int) -> bool:
    return bool(((places >= 0) & (places < count)).all())


TYPES: dict[type, Callable[[Any, Any], bool]] = {
    np.dtype: dtype,
    np.ndarray: array,
    **dict.fromkeys((sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.csc_array), compressed),
}
RULES: dict[str, Callable[[Any, Any], bool]] = {
    "sklearn.tree._tree.Tree": tree,
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": predictor,
    "sklearn.neighbors._kd_tree.KDTree": neighbours,
    "sklearn.neighbors._ball_tree.BallTree": neighbours,
}
