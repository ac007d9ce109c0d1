"""Small ONNX models, as exporters write them, by the operators in them."""

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

OPSETS = {"": 17, "ai.onnx.ml": 3}
LABELS = ["low", "middle", "high"]


def table():
    """40 rows of the columns that most of these models take."""
    return pd.DataFrame(np.random.default_rng(1).normal(size=(40, 3)).round(2), columns=["a", "b", "mean radius"])


def value(name, kind=TensorProto.FLOAT, shape=(None, 3)):
    return helper.make_tensor_value_info(name, kind, list(shape))


def model(nodes, inputs, outputs, constants=None, opsets=OPSETS):
    """constants: {name: array}."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "made", inputs, outputs, tensors)
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(graph, opset_imports=imports, producer_name="maker", producer_version="2.1", ir_version=9)


def of_nodes(*nodes, constants=None, domains=None, shape=(None, 3), kind=TensorProto.FLOAT):
    return model(list(nodes), [value("X", kind, shape)], [value("Y", shape=())], constants, OPSETS | (domains or {}))


def ml(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs, outputs, domain="ai.onnx.ml", **attributes)


def linear_classifier(labels=LABELS):
    """The nodes and outputs of a classifier, [rows, 3] to "label" and "scores"."""
    key = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints"
    weights = np.random.default_rng(0).normal(size=len(labels) * 3).round(3).tolist()
    node = ml(
        "LinearClassifier",
        ["X"],
        ["label", "scores"],
        coefficients=weights,
        intercepts=[0.1] * len(labels),
        post_transform="SOFTMAX",
        **{key: labels},
    )
    of_labels = TensorProto.STRING if key == "classlabels_strings" else TensorProto.INT64
    return [node], [value("label", of_labels, [None]), value("scores", shape=(None, len(labels)))]


def classifier(labels=LABELS):
    nodes, outputs = linear_classifier(labels)
    return model(nodes, [value("X")], outputs)


def zipped_classifier(labels=LABELS):
    """Probabilities as a list of dicts, as skl2onnx writes them unless it is told otherwise."""
    nodes, outputs = linear_classifier(labels)
    key = "classlabels_strings" if isinstance(labels[0], str) else "classlabels_int64s"
    nodes.append(ml("ZipMap", ["scores"], ["dicts"], **{key: labels}))
    keys = TensorProto.STRING if isinstance(labels[0], str) else TensorProto.INT64
    dicts = helper.make_map_type_proto(keys, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs[1] = helper.make_value_info("dicts", helper.make_sequence_type_proto(dicts))
    return model(nodes, [value("X")], outputs)


def people(zeros=1):
    """A regressor of whole numbers, numbers, truth values and texts, each an input, as skl2onnx writes for frames."""
    nodes = [
        helper.make_node("Cast", ["id"], ["id_number"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["member"], ["member_number"], to=TensorProto.FLOAT),
        ml("OneHotEncoder", ["city"], ["cities"], cats_strings=["Bern", "Oslo", "Rome"], zeros=zeros),
        helper.make_node("Reshape", ["cities", "wide"], ["city_numbers"]),
        helper.make_node("Concat", ["id_number", "income", "member_number", "city_numbers"], ["all"], axis=1),
        helper.make_node("MatMul", ["all", "weights"], ["variable"]),
    ]
    kinds = {"id": TensorProto.INT64, "income": TensorProto.FLOAT, "member": TensorProto.BOOL}
    inputs = [value(name, kind, (None, 1)) for name, kind in (kinds | {"city": TensorProto.STRING}).items()]
    weights = np.array([[0.5], [0.25], [10.0], [1.0], [2.0], [4.0]], dtype=np.float32)
    constants = {"weights": weights, "wide": np.array([-1, 3])}
    return model(nodes, inputs, [value("variable", shape=(None, 1))], constants)


def named_outputs():
    """Two outputs of numbers, neither a label."""
    nodes = [helper.make_node("Relu", ["X"], ["positive"]), helper.make_node("ReduceSum", ["X", "axis"], ["total"])]
    outputs = [value("positive"), value("total", shape=(None, 1))]
    return model(nodes, [value("X")], outputs, {"axis": np.array([1])})


def of_rows(rows):
    """A network that takes so many rows a call."""
    nodes = [helper.make_node("Tanh", ["X"], ["Y"])]
    return model(nodes, [value("X", shape=(rows, 3))], [value("Y", shape=(rows, 3))])


def written(path, made, **options):
    onnx.save(made, path, **options)
    return path
