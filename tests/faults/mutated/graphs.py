"""ONNX graphs that are protocol buffers still, and ask for what no graph of a table needs.

mutated(rng, data)
"""

import onnx
from onnx import TensorProto, helper

from .damage import damaged

__all__ = ["mutated"]

OPERATORS = (
    *("Loop", "If", "Scan", "ConstantOfShape", "Expand", "Tile", "Range", "RandomNormal", "Pad", "Resize", "OneHot"),
    *("EyeLike", "NonZero", "SequenceMap", "StringSplit", "Gather", "GatherND", "Reshape", "Nowhere", "MatMulNBits"),
    *("TreeEnsembleRegressor", "TreeEnsembleClassifier", "SVMClassifier", "LabelEncoder", "Scaler", "ZipMap"),
)
FILES = ("/etc/passwd", "../manifest.json", "manifest.json", "/dev/zero", "/proc/self/mem", "absent", "")
NUMBERS = (-1, 0, 1, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, -(2**63), 2**63 - 1)


def external(rng, model):
    """Weights that lie in another file."""
    if model.graph.initializer:
        tensor = rng.choice(model.graph.initializer)
    else:
        tensor = model.graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    told = {"location": rng.choice(FILES), "offset": str(rng.choice(NUMBERS)), "length": str(rng.choice(NUMBERS))}
    for key in rng.sample(list(told), rng.randrange(1, 4)):
        tensor.external_data.add(key=key, value=told[key])


def dimensions(rng, model):
    tensors = [*model.graph.initializer, *(a.t for node in model.graph.node for a in node.attribute if a.HasField("t"))]
    if tensors:
        tensor = rng.choice(tensors)
        tensor.dims[:] = rng.choice(
            ([], [rng.choice(NUMBERS)], [rng.choice(NUMBERS)] * 8, [*tensor.dims, rng.choice(NUMBERS)])
        )


def operator(rng, model):
    rng.choice(model.graph.node).op_type = rng.choice(OPERATORS)


def domain(rng, model):
    node = rng.choice(model.graph.node)
    node.domain = rng.choice(
        ("ai.onnx.ml", "com.microsoft", "", "my.own", "ai.onnx.training", "ai.onnx.preview.training")
    )
    if rng.random() < 0.5:
        model.opset_import.add(domain=node.domain, version=rng.choice((1, 3, 21, 999, -1)))


def attribute(rng, model):
    """A number in an attribute, such as the child of a tree's node, points elsewhere."""
    attributes = [a for node in model.graph.node for a in node.attribute]
    lists = [a for a in attributes if a.ints]
    if lists and rng.random() < 0.7:
        numbers = rng.choice(lists).ints
        for _ in range(rng.choice((1, 3, len(numbers)))):
            numbers[rng.randrange(len(numbers))] = rng.choice(NUMBERS)
        if rng.random() < 0.3:
            del numbers[rng.randrange(len(numbers)) :]
    elif attributes:
        chosen = rng.choice(attributes)
        chosen.i, chosen.type = rng.choice(NUMBERS), rng.choice((chosen.type, onnx.AttributeProto.INT))


def inputs(rng, model):
    """A node reads another value, its own, one that is not there, or none; or a name comes twice."""
    node = rng.choice(model.graph.node)
    names = [name for each in model.graph.node for name in (*each.input, *each.output)] + ["", "absent", "n" * 10_000]
    side = rng.choice((node.input, node.output))
    if side and rng.random() < 0.7:
        side[rng.randrange(len(side))] = rng.choice(names)
    elif side:
        del side[:]
    else:
        side.append(rng.choice(names))


def endless(rng, model):
    """A loop of 2**62 turns, or of loops within loops, in front of the output."""
    body = helper.make_graph(
        [helper.make_node("Identity", [f"{a}_in"], [f"{a}_out"]) for a in ("go", "kept")],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept_in", TensorProto.DOUBLE, None),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("kept_out", TensorProto.DOUBLE, None),
        ],
    )
    turns = helper.make_tensor("turns", TensorProto.INT64, [], [2**62])
    going = helper.make_tensor("going", TensorProto.BOOL, [], [True])
    model.graph.initializer.extend([turns, going])
    model.graph.node.insert(0, helper.make_node("Loop", ["turns", "going", "X"], ["looped"], body=body))
    for node in model.graph.node[1:]:
        for place, name in enumerate(node.input):
            if name == "X":
                node.input[place] = "looped"


def vast(rng, model):
    """An array of many gigabytes, made of a shape of a few bytes, in front of the output or thrown away."""
    size = [rng.choice((2**20, 2**28, 2**32, 2**40, 2**62))] * rng.choice((1, 2))
    model.graph.initializer.append(helper.make_tensor("vast_shape", TensorProto.INT64, [len(size)], size))
    model.graph.node.insert(0, helper.make_node("ConstantOfShape", ["vast_shape"], ["vast"]))
    model.graph.node.insert(1, helper.make_node("ReduceSum", ["vast"], ["vast_sum"], keepdims=0))
    model.graph.node.insert(2, helper.make_node("Cast", ["vast_sum"], ["vast_cast"], to=TensorProto.DOUBLE))
    model.graph.node.insert(3, helper.make_node("Add", ["X", "vast_cast"], ["vast_X"]))
    for node in model.graph.node[4:]:
        for place, name in enumerate(node.input):
            if name == "X":
                node.input[place] = "vast_X"


def called(rng, model):
    """A function that calls itself."""
    one = helper.make_node("Again", ["a"], ["b"], domain="my.own")
    imports = [helper.make_opsetid("my.own", 1)]
    model.functions.append(helper.make_function("my.own", "Again", ["a"], ["b"], [one], imports))
    model.opset_import.extend(imports)
    model.graph.node.append(helper.make_node("Again", ["X"], ["again"], domain="my.own"))


WAYS = (external, dimensions, operator, domain, attribute, attribute, inputs, inputs, endless, vast, called)


def field(number, content):
    """A field of a protocol buffer that holds bytes or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number):
    if number < 128:
        return bytes([number])
    return bytes([number & 127 | 128]) + varint(number >> 7)


def deep(rng):
    """Graphs within graphs within graphs, deeper than the library writes them; protocol buffers merge what follows."""
    graph = field(2, b"inner")
    for _ in range(rng.choice((5, 20, 100, 5000))):
        branch = field(1, b"then_branch") + field(6, graph) + b"\xa0\x01\x05"
        graph = field(1, field(1, b"going") + field(2, b"x") + field(4, b"If") + field(5, branch))
    return field(7, graph)


def mutated(rng, data):
    """One or two of WAYS; one time in three the bytes are damaged."""
    way = rng.random()
    if way < 0.3:
        return damaged(rng, data)
    if way < 0.33:
        return data + deep(rng)
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 2))):
        rng.choice(WAYS)(rng, model)
    return model.SerializeToString()
