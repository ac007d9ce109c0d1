"""The body of a model's `:predict` as JSON Schema (draft 2020-12), made from its own columns or sampling parameters.

    request_schema(predictor.entry(model))  # {"$schema": ..., "type": "object", "properties": {"instances": ...}}

The column plan refuses whatever the schema does not allow. What only the estimator knows (a value that it cannot
compute with), no schema can say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ...generation.limits import PARAMETERS
from ..adapter import by_capability
from ..embedding_options import SCHEMA as EMBEDDING
from ..images import OPTIONS as OF_IMAGES
from ..output_options import output_names
from ..text_calls import ASKED, Asked

__all__ = ["SAMPLING", "request_schema", "row_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Entry = dict[str, Any]
Schema = dict[str, Any]

TYPES: dict[str, Schema] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
CATEGORY_TYPES = {str: "string", bool: "boolean", int: "number", float: "number"}

# Null stands for a parameter's default.
SAMPLING = {name: parameter.schema for name, parameter in PARAMETERS.items()}


def request_schema(entry: Entry) -> Schema:
    """An entry of the catalogue -> the schema of the body of its `:predict`."""
    head = {"$schema": DRAFT, "title": f"{entry['name']} version {entry['version']}"}
    return head | by_capability(SCHEMAS, entry, generic_schema)(entry)


def text_schema(entry: Entry) -> Schema:
    parameters = {"type": "object", "properties": SAMPLING, "additionalProperties": False}
    return schema_of_texts([entry["example"]["prompt"]], parameters, {"type": "string", "minLength": 1})


def embedding_schema(entry: Entry) -> Schema:
    return schema_of_texts(entry["example"]["instances"], EMBEDDING, {"type": "string"})  # an empty text has a vector


def asked_schema(asked: Asked, entry: Entry) -> Schema:
    schema = schema_of_texts(entry["example"]["instances"], asked.schema, {"type": "string"})
    return schema | ({"required": ["instances", "parameters"]} if asked.required else {})


def image_schema(entry: Entry) -> Schema:
    text = {"type": "string", "contentEncoding": "base64", "minLength": 1}
    wrapped = {"type": "object", "properties": {"b64": text}, "required": ["b64"], "additionalProperties": False}
    options = {name: option.schema for name, option in OF_IMAGES.items()}
    return {
        "type": "object",
        "properties": {
            "instances": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [wrapped, text]},
                "description": "images as JPEG, PNG or WebP",
                "examples": [entry["example"]["instances"]],
            },
            "parameters": {"type": "object", "properties": options, "additionalProperties": False},
            "signature_name": {"const": "serving_default"},
        },
        "required": ["instances"],
        "additionalProperties": False,
    }


def schema_of_texts(example: list[str], parameters: Schema, text: Schema) -> Schema:
    wrapped = {"type": "object", "properties": {"text": text}, "required": ["text"], "additionalProperties": False}
    prompts = {"type": "array", "minItems": 1, "items": {"anyOf": [text, wrapped]}}
    return {
        "type": "object",
        "properties": {
            "instances": prompts | {"examples": [example]},
            "parameters": parameters,
        },
        "required": ["instances"],
        "additionalProperties": False,
    }


def table_schema(entry: Entry) -> Schema:
    row = row_schema(entry["columns"])
    columns = {name: {"type": "array", "minItems": 1, "items": cell} for name, cell in row["properties"].items()}
    in_order = {
        "type": "array",
        "prefixItems": list(row["properties"].values()),
        "minItems": len(columns),
        "maxItems": len(columns),
    }
    forms = [row, in_order]
    if len(row["required"]) < len(columns):  # and lists of those alone that are read
        cells = [row["properties"][name] for name in row["required"]]
        forms.append({"type": "array", "prefixItems": cells, "minItems": len(cells), "maxItems": len(cells)})
    if len(columns) == 1:
        forms += row["properties"].values()
    properties: Schema = {
        "instances": {
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": forms},
            "examples": [entry["example"]["instances"]],
        },
        "inputs": {"type": "object", "properties": columns, "required": row["required"]},
        "outputs": {"type": "array", "minItems": 1, "items": {"enum": output_names(entry)}},
        "signature_name": {"const": "serving_default"},
    }
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
    }
    labeled = [name for name, output in entry["outputs"].items() if output.get("labels")]
    if labeled:  # only outputs keyed by label have k best ones
        properties["top_k"] = {"type": "integer", "minimum": 1}
        if labeled[0] != next(iter(entry["outputs"])):  # and the output that answers by default has no labels
            outputs = {"contains": {"enum": labeled}}
            schema["dependentSchemas"] = {"top_k": {"properties": {"outputs": outputs}, "required": ["outputs"]}}
    return schema


def row_schema(columns: list[dict[str, Any]]) -> Schema:
    """One row as an object: every column that is read required, others ignored (and named in `warnings`)."""
    return {
        "type": "object",
        "properties": {column["name"]: cell_schema(column) for column in columns},
        "required": [column["name"] for column in columns if not column.get("unread")],
    }


def cell_schema(column: dict[str, Any]) -> Schema:
    """One column's cell, described by what is said and known of the column."""
    schema = value_schema(column)
    unit = column.get("unit")
    described = (column.get("description"), unit and f"in {unit}", schema.get("description"))
    return schema | {"description": "; ".join(filter(None, described))} if any(described) else schema


def value_schema(column: dict[str, Any]) -> Schema:
    """One column's values. The range seen at packing is described, not enforced: a model may extrapolate."""
    if column.get("unread"):
        return {"description": "never read by the model"}
    nullable = [None] if column["nullable"] else []
    if column["kind"] == "category" and not column.get("accepts_unknown"):
        return {"enum": [*column["categories"], *(column.get("missing_texts", ()) if nullable else ()), *nullable]}
    if column["kind"] == "category":
        known = list(column["categories"])
        types = sorted({CATEGORY_TYPES[type(value)] for value in known})
        cell: Schema = {"type": types, "examples": known}
    else:
        cell = dict(TYPES[column["kind"]])
        types = [cell["type"]]
    if nullable:
        types = [*types, "null"]
    cell["type"] = types[0] if len(types) == 1 else types
    if "minimum" in column:
        cell["description"] = f"from {column['minimum']} to {column['maximum']} when the model was packed"
    return cell


def tensor_schema(tensor: dict[str, Any], shape: list[Any], sizes: dict[str, list[Any]]) -> Schema:
    """Numbers, or truth values, in lists as deep as the shape. sizes: {dimension: [its least size, its largest]}."""
    kind = tensor["dtype"]
    cell: Schema = {"type": "boolean" if kind == "bool" else "integer" if "int" in kind else "number"}
    if "int" in kind:
        cell |= whole_limits(kind) | ({"minimum": tensor["minimum"]} if "minimum" in tensor else {})
    for size in reversed(shape):
        least, most = (size, size) if isinstance(size, int) else sizes.get(size, [1, None])
        cell = {"type": "array", "items": cell, "minItems": least} | ({} if most is None else {"maxItems": most})
    return cell


def whole_limits(dtype: str) -> Schema:
    signed, bits = not dtype.startswith("u"), int(dtype.rpartition("int")[2])
    half = 2 ** (bits - 1)
    return {"minimum": -half if signed else 0, "maximum": half - 1 if signed else 2 * half - 1}


def network_schema(entry: Entry) -> Schema:
    inputs, sizes = entry["inputs"], entry["sizes"]
    names = {"required": [*inputs], "additionalProperties": False, "type": "object"}
    whole = {name: tensor_schema(each, each["shape"], sizes) for name, each in inputs.items()}
    row = {name: tensor_schema(each, each["shape"][1:], sizes) for name, each in inputs.items()}
    rows: Schema = {"type": "array", "minItems": 1}
    only = next(iter(inputs)) if len(inputs) == 1 else None
    forms = {
        "inputs": [names | {"properties": whole}, *([whole[only]] if only else [])],
        "instances": [rows | {"items": names | {"properties": row}}, *([rows | {"items": row[only]}] if only else [])],
    }
    properties: Schema = {form: {"anyOf": each} for form, each in forms.items()}
    properties["outputs"] = {"type": "array", "minItems": 1, "items": {"enum": [*entry["outputs"]]}}
    properties["signature_name"] = {"const": "serving_default"}
    return {
        "type": "object",
        "properties": properties,
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
    }


def generic_schema(entry: Entry) -> Schema:
    """Of a capability that this module does not know: what the model itself says of its requests."""
    return entry.get("schema", {"type": "object"})


SCHEMAS: dict[str, Callable[[Entry], Schema]] = {
    PREDICT_TABLE.name: table_schema,
    GENERATE_TEXT.name: text_schema,
    EMBED_TEXT.name: embedding_schema,
    CLASSIFY_IMAGE.name: image_schema,
    RUN_TENSORS.name: network_schema,
    **{capability.name: partial(asked_schema, asked) for capability, asked in ASKED.items()},
}
