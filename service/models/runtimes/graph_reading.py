"""What an ONNX graph says of the table that it takes and of its answers: inputs, outputs, labels, categories.

    graph = read_graph(content, folder)     # of a .onnx file
    graph.inputs          # [Input("age", "float32", 1), Input("city", "str", 1)]
    graph.answers         # {"predict": "label", "predict_proba": "probabilities"}, of their tensors
    graph.labels          # ["no", "yes"]
    graph.categories      # [[], ["Oslo", "Rome"]], of the columns of text that encoders read, and nothing else does

A ZipMap, which makes a dict of each row's probabilities, is taken off: the labels in it are kept. Nothing is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import in_a_line
from .graph_files import STANDARD, check_file, external_files
from .graph_labels import labels_of, text_categories, unzipped

__all__ = ["TEXT", "WHOLE", "GraphFile", "Input", "check_opsets", "dtype_of", "read_graph"]

OLDEST_OPSET = 7  # the oldest that ONNX Runtime promises to run
PREDICT, PROBABILITIES = "predict", "predict_proba"
TEXT = "str"
NUMBERS = ("float16", "float32", "float64")
WHOLE = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
WAY = "a typed Python class can make such arrays of a row, and run the file: daylight pack mymodel.py:Class --files"


class Input(NamedTuple):
    """`dtype`: of numpy, or "str". `width`: its columns, None where any number is taken. `flat`: it is [rows]."""

    name: str
    dtype: str
    width: int | None
    flat: bool = False


@dataclass
class GraphFile:
    """`model`: the onnx.ModelProto, its weights inside, its outputs the answers. `answers`: {output: the name of its
    tensor}. `dtypes`: {output: the dtype of its values}. `labels`: those that predict gives, in the order of the
    probabilities. `categories`: for each column the texts that it tells apart, empty where they may be any. `at_once`:
    1 where the graph takes one row a call, else None. `external`: whether weights lay in other files.
    """

    model: Any
    inputs: list[Input]
    answers: dict[str, str]
    dtypes: dict[str, str]
    labels: list[Any] | None = None
    categories: list[list[str]] = field(default_factory=list)
    at_once: int | None = None
    external: bool = False

    @property
    def made_with(self) -> str:
        return f"{self.model.producer_name} {self.model.producer_version}".strip()

    @property
    def opset(self) -> str:
        return ", ".join(f"{each.domain or 'ai.onnx'} {each.version}" for each in self.model.opset_import)


def read_graph(content: bytes, folder: Path | None = None) -> GraphFile:
    """folder: where it lies, perhaps with weights in other files. Raises ValueError for what cannot be served."""
    import onnx

    check_file(content)
    external = bool(external_files(content, folder))
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # what protocol buffers raise for bytes that are none
        raise ValueError(f"no ONNX model: {in_a_line(error, 200)}") from None
    if external:
        onnx.load_external_data_for_model(model, str(folder))
    check_opsets(model)
    held = {tensor.name for tensor in model.graph.initializer}
    given = [value for value in model.graph.input if value.name not in held]
    if not given:
        raise ValueError("the graph has no input")
    first = {leading(value) for value in given}
    if fixed := sorted({rows for rows in first if isinstance(rows, int)} - {1}):
        raise ValueError(
            f"the graph takes exactly {fixed[0]} rows a call (input {given[0].name!r} is {shape_of(given[0])}): export "
            f"it with a first dimension of any size, as dynamic_axes={{{given[0].name!r}: {{0: 'rows'}}}} does in torch"
        )
    inputs = [input_of(value) for value in given]
    zipped = unzipped(model)
    graph = GraphFile(model, inputs, {}, {}, at_once=1 if first == {1} else None, external=external)
    name_answers(graph, [output_of(value, zipped) for value in model.graph.output], zipped)
    if all(each.width is not None for each in inputs):
        texts = text_categories(model, {each.name: each.width or 0 for each in inputs if each.dtype == TEXT})
        graph.categories = [known for each in inputs for known in texts.get(each.name, [[]] * (each.width or 0))]
    give_answers(graph)
    return graph


def give_answers(graph: GraphFile) -> None:
    """The tensors of the answers become the outputs of the model, which loses its ZipMaps."""
    import onnx

    body = graph.model.graph
    told = {value.name: value for value in body.output}
    nodes = [node for node in body.node if node.op_type == "ZipMap"]
    outputs = [told.get(name, onnx.ValueInfoProto(name=name)) for name in graph.answers.values()]
    for node in nodes:
        body.node.remove(node)
    del body.output[:]
    body.output.extend(outputs)


def check_opsets(model: Any) -> None:
    """Raise ValueError for a release of the operators that this ONNX Runtime does not run."""
    import onnx

    newest = {"ai.onnx": onnx.defs.onnx_opset_version(), "ai.onnx.ml": onnx.defs.onnx_ml_opset_version()}
    for each in model.opset_import:
        domain = each.domain or "ai.onnx"
        if domain == "ai.onnx" and each.version < OLDEST_OPSET:
            raise ValueError(
                f"the graph is written in opset {each.version}; ONNX Runtime runs opset {OLDEST_OPSET} and later: "
                f"convert it with onnx.version_converter.convert_version(model, {newest[domain]})"
            )
        if each.domain in STANDARD and each.version > newest[domain]:
            raise ValueError(
                f"the graph is written in opset {each.version} of {domain}, and {newest[domain]} is the newest here: "
                f"export it with an opset of at most {newest[domain]}"
            )


def leading(value: Any) -> int | None:
    """The fixed number of rows of an input; None where it is any."""
    dimensions = value.type.tensor_type.shape.dim
    return dimensions[0].dim_value or None if len(dimensions) else None


def shape_of(value: Any) -> list[Any]:
    return [each.dim_value or each.dim_param or "?" for each in value.type.tensor_type.shape.dim]


def dtype_of(value: Any) -> str:
    """The dtype of a tensor's values; "" where it is no tensor, or of a type that numpy has not."""
    import onnx

    if not value.type.HasField("tensor_type"):
        return ""
    kind = value.type.tensor_type.elem_type
    if kind == onnx.TensorProto.STRING:
        return TEXT
    try:
        return str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)))
    except (KeyError, TypeError, ValueError):
        return ""


def input_of(value: Any) -> Input:
    """Raises ValueError for an input that no columns of a table can make."""
    dtype, shape = dtype_of(value), shape_of(value)
    if dtype not in (TEXT, "bool", *NUMBERS, *WHOLE):
        raise ValueError(f"input {value.name!r} is of a type that no cell of a table has; {WAY}")
    if len(shape) not in (1, 2):
        raise ValueError(
            f"input {value.name!r} has the shape {shape or 'of one value'}, and a table has rows and columns; {WAY}"
        )
    if len(shape) == 1:
        return Input(value.name, dtype, 1, flat=True)
    return Input(value.name, dtype, shape[1] if isinstance(shape[1], int) else None)


class Out(NamedTuple):
    """An output: its name, its tensor, the dtype of its values, the number of dimensions (None: not told)."""

    name: str
    tensor: str
    dtype: str
    rank: int | None


def output_of(value: Any, zipped: dict[str, tuple[str, list[Any]]]) -> Out:
    if value.name in zipped:
        return Out(value.name, zipped[value.name][0], "float32", 2)
    dtype = dtype_of(value)
    if dtype not in (TEXT, "bool", *NUMBERS, *WHOLE):
        raise ValueError(f"output {value.name!r} is of a type that JSON has no values for; {WAY}")
    told = value.type.tensor_type.HasField("shape")
    return Out(value.name, value.name, dtype, len(value.type.tensor_type.shape.dim) if told else None)


def name_answers(graph: GraphFile, outputs: list[Out], zipped: dict[str, tuple[str, list[Any]]]) -> None:
    """A label and the probabilities of a classifier are predict and predict_proba; other outputs keep their names,
    and a single one is predict.
    """
    names = {each.name: each.name for each in outputs}
    labels = [each for each in outputs if each.dtype in (TEXT, "bool", *WHOLE)]
    scores = [each for each in outputs if each.name in zipped] or [
        each for each in outputs if each.dtype in NUMBERS and each.rank in (2, None)
    ]
    known = labels_of(graph.model, labels[0].tensor) if len(labels) == 1 else None
    if len(scores) == 1 and scores[0].name in zipped:
        known = zipped[scores[0].name][1]
    if known and len(labels) == 1:
        graph.labels = known
        names[labels[0].name] = PREDICT
        if len(scores) == 1:
            names[scores[0].name] = PROBABILITIES
    elif len(outputs) == 1:
        names[outputs[0].name] = PREDICT
    if len(set(names.values())) < len(names):
        raise ValueError(
            f"the graph has two outputs that both would be called {PREDICT} or {PROBABILITIES}: rename one"
        )
    order = sorted(outputs, key=lambda each: names[each.name] != PREDICT)  # the first is the plain answer
    graph.answers = {names[each.name]: each.tensor for each in order}
    graph.dtypes = {names[each.name]: each.dtype for each in order}
