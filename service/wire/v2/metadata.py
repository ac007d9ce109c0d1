"""What V2 says of the server, of a model's tensors, and of what is in the repository.

    metadata(predictor.entry(model))    # {"name": "iris", "versions": ["1"], "inputs": [...], "outputs": [...]}

Inputs are described one per column; a table whose columns are of one datatype may come as one tensor as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson

from ... import __version__
from ...capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ..adapter import by_capability
from ..text_calls import ASKED, Asked

__all__ = ["index", "metadata", "server"]

EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")
FLOATS = {"float32": "FP32", "float16": "FP16"}
CATEGORIES = {str: "text", bool: "boolean", int: "integer"}
OUTPUTS = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}
TEXT = (("text", "BYTES"), ("finish_reason", "BYTES"), ("prompt_tokens", "INT64"), ("completion_tokens", "INT64"))

Entry = dict[str, Any]
Tensor = dict[str, Any]


def server() -> dict[str, Any]:
    return {"name": "daylight", "version": __version__, "extensions": EXTENSIONS}


def metadata(entry: Entry) -> dict[str, Any]:
    """An entry of the catalogue -> the model's metadata; the number of rows is -1 in every shape."""
    inputs, outputs = by_capability(TENSORS, entry, no_tensors)(entry)
    return {
        "name": entry["name"],
        "versions": entry["versions"],
        "platform": entry.get("runtime", {}).get("name", "sklearn"),
        "inputs": inputs,
        "outputs": outputs,
    }


def table_tensors(entry: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a model that predicts tables: one input for each column."""
    read = [column for column in entry["columns"] if not column.get("unread")]
    inputs = [{"name": column["name"], "datatype": datatype(column), "shape": [-1, 1]} for column in read]
    return inputs, [tensor for name, output in entry["outputs"].items() for tensor in output_tensors(name, output)]


def text_tensors(_: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a model that generates text."""
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    return inputs, [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in TEXT]


def embedding_tensors(entry: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a model that embeds texts."""
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    return inputs, [{"name": "embeddings", "datatype": "FP32", "shape": [-1, entry["dimension"]]}]


def asked_tensors(asked: Asked, _: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a model that answers each text with JSON."""
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    return inputs, [{"name": asked.output, "datatype": "BYTES", "shape": [-1]}]


def image_tensors(entry: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a model that classifies images."""
    labels = entry["labels"]
    scores: Tensor = {"name": "scores", "datatype": "FP64", "shape": [-1, len(labels)]}
    scores["parameters"] = {"labels": orjson.dumps(labels).decode()}
    label: Tensor = {"name": "label", "datatype": "BYTES", "shape": [-1]}
    return [{"name": "image", "datatype": "BYTES", "shape": [-1]}], [label, scores]


def network_tensors(entry: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """(inputs, outputs) of a network, -1 for each size that varies."""

    def listed(tensors: dict[str, dict[str, Any]]) -> list[Tensor]:
        return [
            {
                "name": name,
                "datatype": datatype_of(each["dtype"]),
                "shape": [size if isinstance(size, int) else -1 for size in each["shape"]],
            }
            for name, each in tensors.items()
        ]

    return listed(entry["inputs"]), listed(entry["outputs"])


def no_tensors(_: Entry) -> tuple[list[Tensor], list[Tensor]]:
    """Of a capability that this dialect has no adapter for."""
    return [], []


TENSORS: dict[str, Callable[[Entry], tuple[list[Tensor], list[Tensor]]]] = {
    PREDICT_TABLE.name: table_tensors,
    GENERATE_TEXT.name: text_tensors,
    EMBED_TEXT.name: embedding_tensors,
    CLASSIFY_IMAGE.name: image_tensors,
    RUN_TENSORS.name: network_tensors,
    **{capability.name: partial(asked_tensors, asked) for capability, asked in ASKED.items()},
}


def datatype_of(dtype: str) -> str:
    """V2's name of one of numpy's dtypes of numbers."""
    return dtype.replace("float", "FP").upper()


def datatype(column: dict[str, Any]) -> str:
    """The datatype that holds every cell of a column; where cells may be missing, one that has a NaN or is text."""
    if column["kind"] == "category":
        kind, integer = category_kind(column["categories"]), "int64"
    else:
        kind, integer = column["kind"], column["dtype"].lower().partition("[")[0]
    if kind == "integer" and not column["nullable"]:
        return integer.upper() if integer.startswith(("int", "uint")) else "INT64"
    if kind in ("number", "integer"):
        return FLOATS.get(column["dtype"], "FP64")
    return "BOOL" if kind == "boolean" else "BYTES"


def category_kind(categories: list[Any]) -> str:
    """The kind of column that would hold these categories."""
    types = set(map(type, categories))
    return CATEGORIES.get(types.pop(), "number") if len(types) == 1 else "number"


def output_tensors(name: str, output: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors of one output: one, or one for each target where every target has labels of its own."""
    labels: Any = output.get("labels")
    shape = [-1 if size is None else size for size in output["shape"]]
    if output.get("targets") is not None and labels is None:
        named = [(name, output["targets"])]
    elif output.get("targets") is not None:
        named = [(f"{name}:{target}", keys) for target, keys in zip(output["targets"], labels, strict=True)]
    else:
        named = [(name, labels)]
    for tensor_name, keys in named:
        tensor: Tensor = {"name": tensor_name, "datatype": OUTPUTS.get(output["dtype"], "BYTES"), "shape": shape}
        if keys is not None:
            tensor |= {"shape": [-1, len(keys)], "parameters": {"labels": orjson.dumps(keys).decode()}}
        yield tensor


def index(entries: Iterable[Entry], others: dict[str, str], *, ready_only: bool = False) -> list[dict[str, Any]]:
    """The repository: entries of the catalogue, and {name: reason} of models of the store that are not served."""
    models = [
        {
            "name": entry["name"],
            "version": entry["version"],
            "state": "READY" if entry["ready"] else "UNAVAILABLE",
            "reason": "version {version} is refused: {reason}".format(**refused)
            if (refused := entry.get("refused"))
            else "",
        }
        for entry in entries
    ]
    models += [
        {"name": name, "version": "", "state": "UNAVAILABLE", "reason": reason} for name, reason in others.items()
    ]
    return [model for model in models if model["state"] == "READY" or not ready_only]
