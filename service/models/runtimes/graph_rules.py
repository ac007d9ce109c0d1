"""What a graph may ask of ONNX Runtime, read from its bytes before a session is made of it.

    check_table(graph)                          # ValueError: the graph has the operator Loop, which no table needs
    check_decoder(graph, {"model.onnx.data"})   # ValueError: the graph reads /etc/passwd, which is no file of ...

ONNX Runtime runs any graph in the process that asks it to: a loop of 2**62 turns never ends, and a shape of 8 bytes can
be an array of terabytes. So a table's graph has only the operators that packing writes, and a decoder's none that
repeats others. The bytes are protocol buffers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

from collections.abc import Collection

from .graph_fields import (
    ATTRIBUTE,
    EXTERNAL,
    FUNCTIONS,
    GRAPH,
    INITIALIZER,
    INNER,
    INNERS,
    KEY,
    LOCATION,
    NODE,
    OPERATOR,
    SPARSE,
    SPARSE_TENSOR,
    SPARSE_TENSORS,
    TENSOR,
    TENSORS,
    VALUE,
    below,
    fields,
    text,
)

__all__ = ["check_decoder", "check_table"]

# fmt: off
OPERATORS = frozenset((
    "Abs", "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "Div", "Equal", "Exp", "Floor", "Gather", "Gemm",
    "Greater", "GreaterOrEqual", "Identity", "IsNaN", "Less", "LessOrEqual", "Log", "MatMul", "Max", "Min", "Mul",
    "Neg", "Not", "Or", "Pad", "Pow", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
    "ReduceSumSquare", "Relu", "Reshape", "ScatterElements", "Sigmoid", "Softmax", "Sqrt", "Sub", "Tanh", "TopK",
    "TreeEnsemble", "Unsqueeze", "Where",
))
# fmt: on
REPEATING = {"Loop", "Scan", "SequenceMap"}
DEPTH = 4  # of graphs inside each other
NO_SPARSE = "the graph has functions of its own or sparse tensors, which none needs"


def check_table(graph: bytes) -> None:
    """Raise ValueError where the graph of a table has what packing never writes."""
    for node in nodes(graph):
        for number, value in fields(node):
            if number == OPERATOR and (name := text(value)) not in OPERATORS:
                raise ValueError(f"the graph has the operator {name!a:.80}, which no table needs")
            # Trees have millions of numbers in their attributes: they are searched, and not read one by one.
            if number == ATTRIBUTE and LOCATION in bytes(value):
                raise ValueError("the graph reads other files")
    for tensor in below(graph, GRAPH, INITIALIZER):
        if any(number == EXTERNAL for number, _ in fields(tensor)):
            raise ValueError("the graph reads other files")


def check_decoder(graph: bytes, files: Collection[str]) -> None:
    """Raise ValueError where a decoder's graph repeats parts of itself or reads other files than these."""
    nodes(graph)
    for inner in below(graph, GRAPH):
        check_inner(inner, files, DEPTH)


def check_inner(graph: memoryview, files: Collection[str], depth: int) -> None:
    if not depth:
        raise ValueError(f"the graph holds graphs more than {DEPTH} deep")
    for number, value in fields(graph):
        if number == SPARSE:
            raise ValueError(NO_SPARSE)
        if number == INITIALIZER:
            check_place(value, files)
        elif number == NODE:
            check_node(value, files, depth)


def check_node(node: memoryview, files: Collection[str], depth: int) -> None:
    for name in map(text, below(node, OPERATOR)):
        if name in REPEATING:
            raise ValueError(f"the graph has the operator {name}, which no decoder needs")
    for kind, held in (field for attribute in below(node, ATTRIBUTE) for field in fields(attribute)):
        if kind in (SPARSE_TENSOR, SPARSE_TENSORS):
            raise ValueError(NO_SPARSE)
        if kind in (TENSOR, TENSORS):
            check_place(held, files)
        elif kind in (INNER, INNERS):
            check_inner(held, files, depth - 1)


def check_place(tensor: memoryview, files: Collection[str]) -> None:
    """Raise ValueError where a tensor lies in a file that is none of these."""
    for entry in below(tensor, EXTERNAL):
        told = dict(fields(entry))
        if told.get(KEY) == LOCATION and (place := text(told.get(VALUE, b""))) not in files:
            raise ValueError(f"the graph reads {place!a:.80}, which is no file of its version")


def nodes(model: bytes) -> list[memoryview]:
    """The nodes of a model's graph. Raises ValueError where it has functions of its own, or sparse tensors."""
    if next(below(model, FUNCTIONS), None) is not None or next(below(model, GRAPH, SPARSE), None) is not None:
        raise ValueError(NO_SPARSE)
    return list(below(model, GRAPH, NODE))
