"""Write an ONNX graph as arithmetic: operators on tensors become nodes.

    g = Graph(width=4)
    scores = (g.input - mean) / scale @ weights
    model = g.model({"scores": scores})      # onnx.ModelProto; nodes that no output needs are left out

Everything is float64 unless it is an index (int64) or a truth value (bool).
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

__all__ = ["Graph", "Tensor"]

# What ONNX Runtime 1.32 runs; TreeEnsemble with float64 leaves came with ai.onnx.ml 5.
OPSETS = {"": 21, "ai.onnx.ml": 5}
IR_VERSION = 10
INPUT = "X"
DTYPES = {
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(bool): TensorProto.BOOL,
}


class Tensor:
    """A value of the graph: [rows, width] float64 unless said otherwise. Operators take numbers and arrays too.

    `sparse`: the model itself has a sparse matrix here, whose zeros some libraries take for missing.
    """

    __array_ufunc__ = None  # array @ tensor and array - tensor come here, not to numpy

    def __init__(self, graph, name):
        self.graph, self.name, self.sparse = graph, name, False

    def __add__(self, other):
        return self.graph.op("Add", self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other):
        return self.graph.op("Sub", other, self)

    def __mul__(self, other):
        return self.graph.op("Mul", self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self.graph.op("Div", self, other)

    def __rtruediv__(self, other):
        return self.graph.op("Div", other, self)

    def __matmul__(self, other):
        return self.graph.op("MatMul", self, other)

    def __pow__(self, other):
        return self.graph.op("Pow", self, other)

    def __rpow__(self, other):
        return self.graph.op("Pow", other, self)

    def __neg__(self):
        return self.graph.op("Neg", self)

    def __gt__(self, other):
        return self.graph.op("Greater", self, other)

    def __ge__(self, other):
        return self.graph.op("GreaterOrEqual", self, other)

    def __lt__(self, other):
        return self.graph.op("Less", self, other)

    def __le__(self, other):
        return self.graph.op("LessOrEqual", self, other)

    def equals(self, other):
        return self.graph.op("Equal", self, other)

    def cast(self, dtype):
        return self.graph.op("Cast", self, to=DTYPES[np.dtype(dtype)])

    def float(self):
        return self.cast(np.float64)

    def int(self):
        return self.cast(np.int64)

    def take(self, places, axis=1):
        """Columns by their places, in that order."""
        return self.graph.op("Gather", self, np.asarray(places, dtype=np.int64), axis=axis)

    def sum(self, axis=1, *, keep=True):
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=int(keep))

    def max(self, axis=1):
        return self.graph.op("ReduceMax", self, np.array([axis]), keepdims=1)

    def argmax(self):
        """[rows] int64: the place of each row's largest value, of equal ones the first."""
        return self.graph.op("ArgMax", self, axis=1, keepdims=0)

    def reshape(self, *shape):
        return self.graph.op("Reshape", self, np.array(shape))

    def softmax(self):
        return self.graph.op("Softmax", self, axis=-1)

    def sigmoid(self):
        return self.graph.op("Sigmoid", self)

    def exp(self):
        return self.graph.op("Exp", self)

    def where(self, condition, other):
        """This tensor where `condition`, else `other`."""
        return self.graph.op("Where", condition, self, other)


class Graph:
    """Nodes and constants of one model. Its input is X, float64 [rows, width], and the counts of tokens of texts.

    `largest` is the largest finite number that may stand in X; the runtime refuses others. `margin` [rows, 1]
    is how far a row's answer is from a tie that only scikit-learn can break, where there are any. `rows`: as many,
    at most, are computed in one call, where memory asks for it. `single`: whether the model itself computes in float32.
    `counters`: how the texts are counted that come into the graph; `wide`: how many numbers a token becomes in it.
    """

    def __init__(self, width):
        self.width = width
        self.largest = self.margin = self.rows = None
        self.single = False
        self.counters, self.wide = [], 1
        self.nodes = []
        self.constants = {}
        self.input = Tensor(self, INPUT)

    def op(self, kind, *inputs, domain="", **attributes):
        """Add one node; arrays among the inputs become constants, arrays among the attributes tensors."""
        attributes = {
            key: numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            for key, value in attributes.items()
        }
        return self.several(kind, 1, *inputs, domain=domain, **attributes)[0]

    def several(self, kind, count, *inputs, domain="", **attributes):
        """Add one node that has so many results."""
        outputs = [f"t{len(self.nodes)}", *(f"t{len(self.nodes)}.{place}" for place in range(1, count))]
        names = [tensor.name if isinstance(tensor, Tensor) else self.constant(tensor) for tensor in inputs]
        self.nodes.append(helper.make_node(kind, names, outputs, domain=domain, **attributes))
        return [Tensor(self, name) for name in outputs]

    def token_counts(self, described):
        """(places int64, counts float64) of the tokens of texts: inputs of the graph, both [rows, longest].

        described: how they are counted, plain values, and the "column" that has the texts.
        """
        if described not in self.counters:
            self.counters.append(described)
        number = self.counters.index(described)
        return Tensor(self, f"places{number}"), Tensor(self, f"counts{number}")

    def doubt(self, margin):
        """A tensor [rows, 1] that is about 0 where the answer may be another by rounding alone; relative."""
        self.margin = margin if self.margin is None else self.op("Min", self.margin, margin)

    def at_once(self, rows):
        self.rows = rows if self.rows is None else min(self.rows, rows)

    def constant(self, value):
        """The name of a constant; equal ones are kept once. Floats and whole numbers alone are float64."""
        array = np.asarray(value)
        if array.dtype not in DTYPES or not isinstance(value, np.ndarray):
            array = array.astype(np.float64)
        key = (array.dtype.str, array.shape, array.tobytes())
        return self.constants.setdefault(key, (f"c{len(self.constants)}", array))[0]

    def join(self, tensors):
        """Tensors side by side: [rows, all their columns]."""
        tensors = list(tensors)
        return tensors[0] if len(tensors) == 1 else self.op("Concat", *tensors, axis=1)

    def inputs(self):
        """What the graph declares that it reads."""
        table = [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, self.width])] if self.width else []
        return table + [
            helper.make_tensor_value_info(f"{name}{number}", kind, ["rows", f"longest{number}"])
            for number in range(len(self.counters))
            for name, kind in (("places", TensorProto.INT64), ("counts", TensorProto.DOUBLE))
        ]

    def model(self, outputs):
        """{name: Tensor} -> the checked ModelProto with these outputs, named so."""
        renamed = [helper.make_node("Identity", [tensor.name], [name]) for name, tensor in outputs.items()]
        nodes = needed([*self.nodes, *renamed], set(outputs))
        used = {name for node in nodes for name in node.input}
        constants = [numpy_helper.from_array(array, name) for name, array in self.constants.values() if name in used]
        graph = helper.make_graph(
            nodes,
            "daylight",
            self.inputs(),
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="daylight")
        inferred(model)
        checker.check_model(model)
        return model


def needed(nodes, wanted):
    """The nodes that the wanted names depend on, in their order."""
    wanted, kept = set(wanted), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    return kept[::-1]


def inferred(model):
    """Give the outputs the types that the nodes imply; ONNX wants them written down."""
    from onnx import shape_inference

    inferred = {tensor.name: tensor for tensor in shape_inference.infer_shapes(model).graph.output}
    for output in model.graph.output:
        output.CopyFrom(inferred[output.name])
