"""The schemas of the served models: rows, columns, predictions; prompts, sampling parameters, completions.

schemas(catalogue)["tumour.instances"]      # what every dialect's description refers to
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ..adapter import by_capability
from ..images import LABELS
from ..text_calls import ASKED, Asked
from ..v1.json_schema import request_schema

__all__ = ["schemas"]

Entry = dict[str, Any]
Schema = dict[str, Any]


def schemas(catalogue: list[Entry]) -> dict[str, Schema]:
    """{component name: schema} for all models. Names begin with the model's."""
    components: dict[str, Schema] = {}
    for entry in catalogue:
        components |= by_capability(SCHEMAS, entry, generic)(entry)
    return components


def table(entry: Entry) -> dict[str, Schema]:
    name, properties = entry["name"], request_schema(entry)["properties"]
    return {
        f"{name}.instances": properties["instances"],
        f"{name}.inputs": properties["inputs"],
        f"{name}.prediction": {"anyOf": [output_schema(entry, field) for field in entry["outputs"]]},
    }


def text(entry: Entry) -> dict[str, Schema]:
    counts = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        **asked(entry),
        f"{entry['name']}.completion": {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "finish_reason": {"type": "string"},
                "usage": {"type": "object", "properties": {field: {"type": "integer"} for field in counts}},
            },
            "required": ["text", "finish_reason", "usage"],
        },
    }


def embedding(entry: Entry) -> dict[str, Schema]:
    width = entry["dimension"]
    return {
        **asked(entry),
        f"{entry['name']}.embedding": {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": width},
    }


def network(entry: Entry) -> dict[str, Schema]:
    properties = request_schema(entry)["properties"]
    return {f"{entry['name']}.{form}": properties[form] for form in ("instances", "inputs")}


def reading(what: Asked, entry: Entry) -> dict[str, Schema]:
    """Of a model that answers each text with a value of its own form."""
    return {**asked(entry), f"{entry['name']}.{what.output}": what.answer}


def image(entry: Entry) -> dict[str, Schema]:
    return {**asked(entry), f"{entry['name']}.labels": LABELS}


def asked(entry: Entry) -> dict[str, Schema]:
    """The texts, and what may be said beside them."""
    properties = request_schema(entry)["properties"]
    return {f"{entry['name']}.{part}": properties[part] for part in ("instances", "parameters")}


def generic(entry: Entry) -> dict[str, Schema]:
    """Of a capability that this module does not know: the request's schema alone."""
    return {f"{entry['name']}.request": request_schema(entry)}


SCHEMAS: dict[str, Callable[[Entry], dict[str, Schema]]] = {
    PREDICT_TABLE.name: table,
    GENERATE_TEXT.name: text,
    EMBED_TEXT.name: embedding,
    CLASSIFY_IMAGE.name: image,
    RUN_TENSORS.name: network,
    **{capability.name: partial(reading, what) for capability, what in ASKED.items()},
}
TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}


def output_schema(entry: Entry, name: str) -> Schema:
    """One row's answer of one method; of a nullable output, a number that is not finite is null."""
    output = entry["outputs"][name]
    known = TYPES.get(output["dtype"])
    # numpy's object arrays are announced as strings, whatever they hold.
    cell: Schema = {"type": [known, "null"] if output.get("nullable") else known} if known else {}
    if output.get("targets") and not output.get("labels"):
        return {**keyed(output["targets"], cell), "title": name}
    if output.get("targets"):
        rows = [keyed(labels, cell) for labels in output["labels"]]
        return {"type": "object", "properties": dict(zip(output["targets"], rows, strict=True)), "title": name}
    if output.get("labels"):
        return {**keyed(output["labels"], cell), "title": name}
    for _ in output["shape"][1:]:
        cell = {"type": "array", "items": cell}
    return {**cell, "title": name}


def keyed(labels: list[Any], cell: Schema) -> Schema:
    return {"type": "object", "properties": dict.fromkeys(labels, cell), "additionalProperties": False}
