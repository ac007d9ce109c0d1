"""The schemas of the served models: rows, columns, predictions; prompts, sampling parameters, completions.

schemas(catalogue)["tumour.instances"]      # what every dialect's description refers to
"""

from ...capabilities import GENERATE_TEXT, PREDICT_TABLE
from ..adapter import by_capability
from ..v1.json_schema import request_schema

__all__ = ["schemas"]


def schemas(catalogue):
    """{component name: schema} for all models. Names begin with the model's."""
    components = {}
    for entry in catalogue:
        components |= by_capability(SCHEMAS, entry, generic)(entry)
    return components


def table(entry):
    name, whole = entry["name"], request_schema(entry)["properties"]
    return {
        f"{name}.instances": whole["instances"],
        f"{name}.inputs": whole["inputs"],
        f"{name}.prediction": {"anyOf": [output_schema(entry, one) for one in entry["outputs"]]},
    }


def text(entry):
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        f"{entry['name']}.instances": request_schema(entry)["properties"]["instances"],
        f"{entry['name']}.parameters": request_schema(entry)["properties"]["parameters"],
        f"{entry['name']}.completion": {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "finish_reason": {"type": "string"},
                "usage": {"type": "object", "properties": {one: {"type": "integer"} for one in counts}},
            },
            "required": ["text", "finish_reason", "usage"],
        },
    }


def generic(entry):
    """Of a capability that this module does not know: the request's schema alone."""
    return {f"{entry['name']}.request": request_schema(entry)}


SCHEMAS = {PREDICT_TABLE.name: table, GENERATE_TEXT.name: text}
TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}


def output_schema(entry, name):
    """One row's answer of one method; what is no finite number is null."""
    told = entry["outputs"][name]
    known = TYPES.get(told["dtype"])
    # Objects of numpy are announced as strings whatever they hold.
    cell = {"type": [known, "null"]} if known else {}
    if told.get("targets"):
        rows = [keyed(labels, cell) for labels in told["labels"]]
        return {"type": "object", "properties": dict(zip(told["targets"], rows, strict=True)), "title": name}
    if told.get("labels"):
        return {**keyed(told["labels"], cell), "title": name}
    for _ in told["shape"][1:]:
        cell = {"type": "array", "items": cell}
    return {**cell, "title": name}


def keyed(labels, cell):
    return {"type": "object", "properties": dict.fromkeys(labels, cell), "additionalProperties": False}
