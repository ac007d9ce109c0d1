"""The graph that serves an ONNX file: the file's own, behind nodes that turn rows of numbers into its inputs.

    graph, description = served_file(contract)      # bytes, and what OnnxRuntime has to know of it

The runtime hands every compiled model one array of float64, categories as their places (ColumnPlan's "numbers"). The
nodes in front hand each column to the input that it belongs to: numbers cast, categories as texts again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from ..models.runtimes.graph_reading import TEXT, Input
from ..models.runtimes.onnx_files import OnnxModel
from ..models.tables.column import Column
from .contract import Contract
from .schema import unseen
from .translate import Untranslatable

__all__ = ["served_file"]

GRAPH = "served.onnx"  # the file that was packed may be called model.onnx
X = "X"
PREFIX = "file/"  # before the names in the file, one of which may be X
EXACT = float(2**53 - 1)  # whole numbers up to it are floats, and none beyond it is rounded to one of them


def served_file(contract: Contract) -> tuple[bytes, dict[str, Any]]:
    """The description lacks the tolerance, and has "single": whether some inputs are of float32. Raises Untranslatable
    for columns that cannot come as numbers.
    """
    model: OnnxModel = contract.estimator
    columns = contract.columns
    own = compose.add_prefix(model.graph.model, PREFIX)
    front = Front(columns)
    begin = 0
    for each in model.graph.inputs:
        end = begin + (len(columns) if each.width is None else each.width)
        front.feed(each, begin, end)
        begin = end
    back = [each for name, tensor in model.graph.answers.items() for each in answered(contract, name, tensor)]
    del own.graph.input[:]
    own.graph.input.append(helper.make_tensor_value_info(X, TensorProto.DOUBLE, ["rows", len(columns)]))
    nodes = [*front.nodes, *own.graph.node, *back]
    del own.graph.node[:]
    own.graph.node.extend(nodes)
    own.graph.initializer.extend([*front.constants, numpy_helper.from_array(np.array([-1]), "flat")])
    del own.graph.output[:]
    own.graph.output.extend(onnx.ValueInfoProto(name=name) for name in contract.outputs)
    dtypes = {each.dtype for each in model.graph.inputs}
    largest = EXACT if "int64" in dtypes else float(np.finfo(np.float32).max) if "float32" in dtypes else None
    return own.SerializeToString(), {
        "name": "onnx",
        "payload": GRAPH,
        "reference": "ONNX Runtime with the file as it is",
        "single": "float32" in dtypes,
        "targets": dict.fromkeys(contract.outputs),
        "classes": None,
        "largest": largest,
        "at_once": model.graph.at_once,
        "rules": "file",
    }


class Front:
    """The nodes between X and the inputs of the file."""

    def __init__(self, columns: list[Column]) -> None:
        self.columns = columns
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def feed(self, to: Input, begin: int, end: int) -> None:
        columns = self.columns[begin:end]
        if to.dtype == TEXT:
            texts = [self.texts(place, column) for place, column in enumerate(columns, begin)]
            made = texts[0] if len(texts) == 1 else self.node("Concat", texts, f"{to.name}:texts", axis=1)
        else:
            check_numbers(to, columns)
            taken = X if len(columns) == len(self.columns) else self.taken(begin, end)
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(to.dtype))
            made = self.node("Cast", [taken], f"{to.name}:cast", to=kind)
        name = PREFIX + to.name
        self.node("Reshape", [made, "flat"], name) if to.flat else self.node("Identity", [made], name)

    def taken(self, begin: int, end: int) -> str:
        name = f"{X}:{begin}:{end}"
        self.constants.append(numpy_helper.from_array(np.arange(begin, end), f"{name}:places"))
        return self.node("Gather", [X, f"{name}:places"], name, axis=1)

    def texts(self, place: int, column: Column) -> str:
        """[rows, 1]: the category that each number stands for; any text that is none where it may be new."""
        if column.kind != "category" or column.nullable or not column.categories:
            raise Untranslatable(f"column {column.name!r} may hold any text, which no graph reads")
        known = list(column.categories)
        texts = [*known, known[0], str(unseen(known))]  # a missing cell, which the contract refuses, has a place, too
        name = f"{X}:{place}:texts"
        self.constants.append(numpy_helper.from_array(np.array(texts, dtype=object), f"{name}:known"))
        whole = self.node("Cast", [self.taken(place, place + 1)], f"{name}:place", to=TensorProto.INT64)
        return self.node("Gather", [f"{name}:known", whole], name, axis=0)

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


def check_numbers(to: Input, columns: list[Column]) -> None:
    """Raise Untranslatable where a cast in the graph would turn a cell into another one in silence."""
    if to.dtype in ("float32", "float64"):
        return
    for column in columns:
        whole = to.dtype == "int64" and column.kind in ("integer", "boolean")
        truth = to.dtype == "bool" and column.kind == "boolean"
        if column.nullable or not (whole or truth):
            raise Untranslatable(f"column {column.name!r} is checked against {to.dtype} outside the graph")


def answered(contract: Contract, name: str, tensor: str) -> list[Any]:
    """The nodes that give an answer its name, and one of a single value a row the shape of it."""
    if name not in contract.outputs:
        return []
    if len(contract.outputs[name].shape) == 1:
        return [helper.make_node("Reshape", [PREFIX + tensor, "flat"], [name])]
    return [helper.make_node("Identity", [PREFIX + tensor], [name])]
