"""Networks whose graphs are written by hand, in no time: each as a version that packing would have written.

pack_looker(store)      # image float32 [batch, 2, 3], ids int64 [batch, length] -> doubled, looked
pack_doubler(store)     # x float32 [batch, 3] -> doubled
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from service.models.networks.network import EXAMPLE, GRAPH
from service.store.manifest import Manifest
from service.store.versions import Store

__all__ = ["TABLE", "pack_doubler", "pack_looker"]

TABLE = np.array([0.5, 1.5, 2.5, 3.5, 4.5], np.float32)  # what the ids of the looker stand for


def pack_looker(store):
    """Two inputs, one of them of whole numbers, of which no negative one is taken."""
    nodes = [
        helper.make_node("Add", ["image", "image"], ["doubled"]),
        helper.make_node("Gather", ["table", "ids"], ["looked"]),
    ]
    inputs = {
        "image": {"dtype": "float32", "shape": ["batch", 2, 3]},
        "ids": {"dtype": "int64", "shape": ["batch", "size_1"], "minimum": 0},
    }
    outputs = {
        "doubled": {"dtype": "float32", "shape": ["batch", 2, 3]},
        "looked": {"dtype": "float32", "shape": ["batch", "size_1"]},
    }
    image, ids = np.arange(6, dtype=np.float32).reshape(1, 2, 3), np.array([[0, 4]])
    example = {"image": image, "ids": ids}, {"doubled": 2 * image, "looked": TABLE[ids]}
    sizes = {"batch": [1, 8], "size_1": [1, None]}
    return written(store, "looker", nodes, inputs, outputs, sizes, example, [numpy_helper.from_array(TABLE, "table")])


def pack_doubler(store):
    """One input, one output."""
    x = np.array([[1, 2, 3]], np.float32)
    return written(
        store,
        "doubler",
        [helper.make_node("Add", ["x", "x"], ["doubled"])],
        {"x": {"dtype": "float32", "shape": ["batch", 3]}},
        {"doubled": {"dtype": "float32", "shape": ["batch", 3]}},
        {"batch": [1, None]},
        ({"x": x}, {"doubled": 2 * x}),
    )


def written(store, name, nodes, inputs, outputs, sizes, example, constants=()):
    given, made = example

    def infos(tensors):
        return [
            helper.make_tensor_value_info(each, helper.np_dtype_to_tensor_dtype(np.dtype(one["dtype"])), one["shape"])
            for each, one in tensors.items()
        ]

    graph = helper.make_graph(nodes, name, infos(inputs), infos(outputs), constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    opened = Store(store)
    with opened.adding(name) as draft:
        onnx.save(model, draft.folder / GRAPH)
        arrays = {f"in/{each}": array for each, array in given.items()}
        np.savez(draft.folder / EXAMPLE, **arrays, **{f"out/{each}": array for each, array in made.items()})
        runtime = {"name": "onnx", "reference": "torch", "payload": GRAPH, "rows": [1], "inputs": 1, "measured": 0.0}
        spec = {"task": "network", "parameter_count": 5, "inputs": inputs, "outputs": outputs, "sizes": sizes}
        shown = {
            "inputs": {each: array.tolist() for each, array in given.items()},
            "outputs": {each: array.tolist() for each, array in made.items()},
        }
        draft.manifest = Manifest(
            *(draft.model, draft.version, "network", draft.digests()),
            spec | {"notes": [], "runtime": runtime},
            shown,
        )
    return opened.open(name)
