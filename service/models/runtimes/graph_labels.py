"""Labels and categories that lie in the nodes of an ONNX graph.

unzipped(model)                          # {"probabilities": ("scores", ["no", "yes"])}
labels_of(model, "label")                # ["no", "yes"], or None
text_categories(model, {"city": 1})      # {"city": [["Oslo", "Rome"]]}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["labels_of", "text_categories", "unzipped"]

PASSING = ("Identity", "Cast", "Reshape", "Squeeze", "Flatten", "Unsqueeze")  # hand labels on
CLASSIFIERS = ("TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier")
LABELS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
# Operators that know some texts and treat all others alike -> the attributes with those that they know.
ENCODERS = {"OneHotEncoder": ("cats_strings",), "LabelEncoder": ("keys_strings", "keys_tensor", "classes_strings")}

Places = list[tuple[str, int]]  # which columns of which inputs a tensor holds, [rows, columns]


def attribute(node: Any, *names: str) -> list[Any]:
    """The values of the first of these attributes that a node has, texts as such; nothing without one."""
    from onnx import helper, numpy_helper

    for each in node.attribute:
        if each.name in names:
            value = helper.get_attribute_value(each)
            values = numpy_helper.to_array(value).ravel().tolist() if hasattr(value, "dims") else list(value)
            if values:
                return [decoded(one) for one in values]
    return []


def decoded(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def constants(model: Any) -> dict[str, np.ndarray]:
    """{name: array} of every constant of a graph: initializers, and the outputs of Constant nodes."""
    from onnx import numpy_helper

    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and [each.name for each in node.attribute] == ["value"]:
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def producers(model: Any) -> dict[str, Any]:
    return {name: node for node in model.graph.node for name in node.output}


def unzipped(model: Any) -> dict[str, tuple[str, list[Any]]]:
    """{output that is a list of dicts: (the tensor of their values, their keys)}."""
    made_by, found = producers(model), {}
    for output in model.graph.output:
        node = made_by.get(output.name)
        while node is not None and node.op_type == "Identity":
            node = made_by.get(node.input[0])
        if node is not None and node.op_type == "ZipMap":
            found[output.name] = node.input[0], attribute(node, *LABELS)
    return found


def labels_of(model: Any, tensor: str) -> list[Any] | None:
    """The labels that a classifier has in this tensor, in the order of its scores; None where that is not told."""
    made_by, known = producers(model), constants(model)
    while (node := made_by.get(tensor)) is not None:
        if node.op_type in CLASSIFIERS and tensor == node.output[0]:
            return attribute(node, *LABELS) or None
        if node.op_type in ("ArrayFeatureExtractor", "Gather") and node.input[0] in known:
            return [decoded(label) for label in known[node.input[0]].ravel().tolist()]
        if node.op_type == "LabelEncoder":
            keys, values = attribute(node, "keys_int64s"), attribute(node, "values_strings", "values_int64s")
            return values if keys == list(range(len(values))) else None
        if node.op_type not in PASSING:
            return None
        tensor = node.input[0]
    return None


def text_categories(model: Any, widths: dict[str, int]) -> dict[str, list[list[str]]]:
    """{input of texts: the texts that the graph tells apart, a list a column}; an empty list where it may be any.

    widths: {input: how many columns it has}. A text goes through nodes that only move it to encoders, which know some.
    """
    if not widths:
        return {}  # or all weights would be copied for nothing
    known = constants(model)
    holding: dict[str, Places] = {name: [(name, place) for place in range(widths[name])] for name in widths}
    found: dict[tuple[str, int], set[str]] = {place: set() for places in holding.values() for place in places}
    free: set[tuple[str, int]] = set()
    for node in model.graph.node:  # in an order in which each comes after those that it reads
        read = [place for name in node.input for place in holding.get(name, ())]
        if not read:
            continue
        keys = attribute(node, *ENCODERS.get(node.op_type, ()))
        moved = None if keys else MOVING.get(node.op_type, nowhere)(node, holding, known)
        if keys and all(isinstance(key, str) for key in keys):
            for place in read:
                found[place] |= set(keys)
        elif moved is not None and len(moved) == len(node.output):
            holding |= dict(zip(node.output, moved, strict=True))
        else:
            free |= set(read)
    return {
        name: [[] if (name, place) in free else sorted(found[name, place]) for place in range(widths[name])]
        for name in widths
    }


def nowhere(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    return None


def along(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    return [holding.get(node.input[0], [])]


def reshaped(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    """One column stays one, whatever its shape."""
    places = holding.get(node.input[0], [])
    return [places] if len(places) == 1 else None


def joined(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    columns = axis_of(node, 0) in (1, -1) and all(name in holding for name in node.input)
    return [[place for name in node.input for place in holding[name]]] if columns else None


def chosen(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    """Gather of columns, or ArrayFeatureExtractor, whose last axis they always are."""
    places, indices = holding.get(node.input[0]), known.get(node.input[1])
    columns = node.op_type == "ArrayFeatureExtractor" or axis_of(node, 0) in (1, -1)
    if not columns or places is None or indices is None:
        return None
    return [[places[index] for index in indices.ravel().tolist() if -len(places) <= index < len(places)]]


def split(node: Any, holding: dict[str, Places], known: dict[str, np.ndarray]) -> list[Places] | None:
    places, parts = holding.get(node.input[0], []), len(node.output)
    given = known.get(node.input[1]) if len(node.input) > 1 else None
    sizes = attribute(node, "split") if given is None else given.tolist()
    sizes = sizes or [len(places) // parts] * parts
    if axis_of(node, 0) not in (1, -1) or sum(sizes) != len(places):
        return None
    ends = np.cumsum(sizes).tolist()
    return [places[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def axis_of(node: Any, default: int) -> int:
    return next((each.i for each in node.attribute if each.name == "axis"), default)


MOVING: dict[str, Callable[[Any, dict[str, Places], dict[str, np.ndarray]], list[Places] | None]] = {
    "Identity": along,
    **dict.fromkeys(("Reshape", "Squeeze", "Unsqueeze", "Flatten"), reshaped),
    "Concat": joined,
    **dict.fromkeys(("Gather", "ArrayFeatureExtractor"), chosen),
    "Split": split,
}
