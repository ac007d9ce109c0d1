"""The graph of a contract's estimator, and what the runtime has to know of it.

graph, description, texts = model_graph(contract)
OnnxRuntime(graph, description, texts)
"""

from __future__ import annotations

from typing import Any

from ..models.runtimes.onnx_files import OnnxModel
from ..models.tables.column import Column
from ..models.tables.output import Output
from ..models.tables.plain_values import dense, plain_values
from ..models.tables.plan import common_dtype
from .contract import Contract
from .served_file import served_file
from .translate import Table, Untranslatable, translate
from .translate.onnx_graph import Graph
from .translate.sparse import Sparse

__all__ = ["MARGIN", "PROOF", "TEXTS", "model_graph"]

GRAPH, PROOF, TEXTS = "model.onnx", "proof.json", "texts.json"
# Relative. The graphs compute in float64, as scikit-learn does; of a table of float32 it keeps float32 only, and so do
# XGBoost and CatBoost of any.
TOLERANCE, TOLERANCE_OF_FLOAT32 = 1e-9, 1e-5
MARGIN = "margin"  # the graph's own output: how far a row is from a tie that it cannot break

Described = tuple[bytes, dict[str, Any], dict[str, Any] | None]


def model_graph(contract: Contract) -> Described:
    """(the graph, what the runtime has to know of it, how it counts texts or None). Raises Untranslatable."""
    return from_file(contract) if isinstance(contract.estimator, OnnxModel) else translated(contract)


def translated(contract: Contract) -> Described:
    """The graph of an estimator. Raises Untranslatable."""
    read = [column for column in contract.columns if not column.unread]
    unreadable = next((column for column in read if column.kind == "datetime"), None)
    if unreadable is not None:
        raise Untranslatable(f"column {unreadable.name!r} is {unreadable.kind}, which no graph reads")
    columns, estimator = contract.columns, contract.estimator
    numbers = [column for column in read if column.kind != "text"]
    graph = Graph(len(numbers))
    answers = translate(graph, estimator, Table(given(graph, numbers, columns), tuple(columns), contract.container))
    absent = [method for method in contract.outputs if method not in answers]
    if absent:
        raise Untranslatable(f"{type(estimator).__name__} has no translation of {absent[0]}")
    predicts_labels = contract.task == "classifier"
    tensors, targets = graph_outputs(contract.outputs, answers, raw_predict=predicts_labels)
    if graph.margin is not None:
        tensors[MARGIN], targets[MARGIN] = graph.margin.reshape(-1), None
    texts = text_inputs(graph, read) if graph.counters else None
    single = graph.single or any("float32" in column.dtype for column in read)
    description = {
        "name": "onnx",
        "payload": GRAPH,
        "proof": PROOF,
        "container": "objects" if texts else container_of(contract, read),
        "targets": targets,
        "classes": classes(estimator) if predicts_labels and "predict" in contract.outputs else None,
        "largest": graph.largest,
        "at_once": graph.rows,
        "tolerance": TOLERANCE_OF_FLOAT32 if single else TOLERANCE,
    }
    if texts:
        description |= {"texts": TEXTS, "wide": graph.wide}
    return graph.model(tensors).SerializeToString(), description, texts


def from_file(contract: Contract) -> Described:
    """The graph of an ONNX file. Raises Untranslatable."""
    graph, description = served_file(contract)
    tolerance = TOLERANCE_OF_FLOAT32 if description.pop("single") else TOLERANCE
    container = container_of(contract, contract.columns)
    return graph, {**description, "proof": PROOF, "container": container, "tolerance": tolerance}, None


def container_of(contract: Contract, columns: list[Column]) -> str:
    single_dtype = contract.container == "array" and common_dtype(columns) is not None
    return "array" if single_dtype else "numbers"


def given(graph: Graph, numbers: list[Column], columns: list[Column]) -> Any:
    """The graph's input as a tensor of all columns, or None where it has none.

    Of columns that are not in it, texts and those that are not read, whichever stands there, nobody looks at it.
    """
    if len(numbers) == len(columns) or not numbers:
        return graph.input if numbers else None
    places = {column.name: place for place, column in enumerate(numbers)}
    return graph.input.take([places.get(column.name, 0) for column in columns])


def text_inputs(graph: Graph, read: list[Column]) -> dict[str, Any]:
    """What TextInputs takes: the places of columns instead of their names."""
    places = {column.name: place for place, column in enumerate(read)}
    return {
        "numbers": [places[column.name] for column in read if column.kind != "text"],
        "counters": [counter | {"column": places[counter["column"]]} for counter in graph.counters],
    }


def graph_outputs(
    outputs: dict[str, Output], answers: dict[str, Any], *, raw_predict: bool
) -> tuple[dict[str, Any], dict[str, int | None]]:
    """({name: tensor}, {method: how many targets have a tensor each, None for one tensor}) of a translation's answers.

    raw_predict: leave predict as it is, since it gives places of labels.
    """
    tensors: dict[str, Any] = {}
    targets: dict[str, int | None] = {}
    for method, output in outputs.items():
        several = isinstance(answers[method], list)
        answer_parts = answers[method] if several else [answers[method]]
        answer_parts = [each.dense() if isinstance(each, Sparse) else each for each in answer_parts]
        if not (raw_predict and method == "predict"):
            answer_parts = [shaped(target, output) for target in answer_parts]
        names = [f"{method}.{place}" for place in range(len(answer_parts))] if several else [method]
        tensors |= dict(zip(names, answer_parts, strict=True))
        targets[method] = len(answer_parts) if several else None
    return tensors, targets


def shaped(tensor: Any, output: Output) -> Any:
    """The tensor with the rank and the type of number that scikit-learn's own answer has."""
    if len(output.shape) == 1:
        tensor = tensor.reshape(-1)
    if output.dtype == "integer":
        return tensor.int()
    return tensor.cast(bool) if output.dtype == "boolean" else tensor


def classes(estimator: Any) -> list[Any]:
    """The labels as plain values; a list of lists for several targets."""
    labels = getattr(estimator, "classes_", None)
    if labels is None:
        raise ValueError(f"{type(estimator).__name__} is a classifier without classes_")
    return [plain_values(dense(each)) for each in labels] if isinstance(labels, list) else plain_values(dense(labels))
