"""What V2 tells of the server, of a model's tensors, and of what is in the repository.

    metadata(predictor.entry(model))    # {"name": "iris", "versions": ["1"], "inputs": [...], "outputs": [...]}

Inputs are told one per column; a table whose columns are of one datatype may come as one tensor as well.
"""

import orjson

from ...capabilities import GENERATE_TEXT, PREDICT_TABLE
from ..adapter import by_capability

__all__ = ["VERSION", "index", "metadata", "server"]

VERSION = "0.1.0"  # of Daylight, as pyproject.toml has it
EXTENSIONS = ("binary_tensor_data", "classification", "model_repository")
FLOATS = {"float32": "FP32", "float16": "FP16"}
OUTPUTS = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES"}
TEXT = (("text", "BYTES"), ("finish_reason", "BYTES"), ("prompt_tokens", "INT64"), ("completion_tokens", "INT64"))


def server():
    return {"name": "daylight", "version": VERSION, "extensions": EXTENSIONS}


def metadata(entry):
    """An entry of the catalogue -> the model's metadata; rows are -1 in every shape."""
    told = {"name": entry["name"], "versions": entry["versions"]}
    runtime = entry.get("runtime", {}).get("name", "sklearn")
    inputs, outputs = by_capability(TENSORS, entry, no_tensors)(entry)
    return told | {"platform": runtime, "inputs": inputs, "outputs": outputs}


def table_tensors(entry):
    """(inputs, outputs) of a model that predicts tables: one input for each column."""
    inputs = [{"name": column["name"], "datatype": datatype(column), "shape": [-1, 1]} for column in entry["columns"]]
    return inputs, [tensor for name, output in entry["outputs"].items() for tensor in described(name, output)]


def text_tensors(_entry):
    """(inputs, outputs) of a model that generates text."""
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    return inputs, [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in TEXT]


def no_tensors(_entry):
    """Of a capability that this dialect has no adapter for."""
    return [], []


TENSORS = {PREDICT_TABLE.name: table_tensors, GENERATE_TEXT.name: text_tensors}


def datatype(column):
    """The datatype that holds every cell of a column; where cells may be missing, one that has a NaN or is text."""
    kind = column["kind"]
    if kind == "category":
        types = set(map(type, column["categories"]))
        kind = (
            {str: "text", bool: "boolean", int: "integer"}.get(types.pop(), "number") if len(types) == 1 else "number"
        )
        whole = "int64"
    else:
        whole = column["dtype"].lower().partition("[")[0]
    if kind == "integer" and not column["nullable"]:
        return whole.upper() if whole.startswith(("int", "uint")) else "INT64"
    if kind in ("number", "integer"):
        return FLOATS.get(column["dtype"], "FP64")
    return "BOOL" if kind == "boolean" else "BYTES"


def described(name, output):
    """The tensors of one output: one, or one for each target where every target has labels of its own."""
    labels, shape = output.get("labels"), [-1 if one is None else one for one in output["shape"]]
    if output.get("targets") is not None:
        pairs = [(f"{name}:{target}", of_target) for target, of_target in zip(output["targets"], labels, strict=True)]
    else:
        pairs = [(name, labels)]
    for called, keys in pairs:
        told = {"name": called, "datatype": OUTPUTS.get(output["dtype"], "BYTES"), "shape": shape}
        if keys is not None:
            told |= {"shape": [-1, len(keys)], "parameters": {"labels": orjson.dumps(keys).decode()}}
        yield told


def index(entries, others, *, ready_only=False):
    """The repository: entries of the catalogue, and {name: why} of models that are there and not served."""
    told = []
    for entry in entries:
        refused = entry.get("refused")
        reason = "version {version} is refused: {reason}".format(**refused) if refused else ""
        state = "READY" if entry["ready"] else "UNAVAILABLE"
        told.append({"name": entry["name"], "version": entry["version"], "state": state, "reason": reason})
    told += [{"name": name, "version": "", "state": "UNAVAILABLE", "reason": why} for name, why in others.items()]
    return [one for one in told if one["state"] == "READY" or not ready_only]
