"""A model's request as JSON Schema (draft 2020-12), made from its own columns, or of texts and their parameters.

    GET /v1/models/<name>/schema -> {"$schema": ..., "type": "object", "properties": {"instances": ...}}

What the schema says no to, the column plan refuses too; what only the estimator knows
(a value it cannot compute with) no schema can say.
"""

from ...capabilities import GENERATE_TEXT, PREDICT_TABLE
from ...generation.limits import PARAMETERS
from ..adapter import by_capability

__all__ = ["SAMPLING", "request_schema", "row_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

TYPES = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
CATEGORY_TYPES = {str: "string", bool: "boolean", int: "number", float: "number"}

# Null stands for a parameter's default.
SAMPLING = {name: parameter.schema for name, parameter in PARAMETERS.items()}


def request_schema(entry):
    """A model's description -> the schema of the body of its `:predict`."""
    told = {"$schema": DRAFT, "title": f"{entry['name']} version {entry['version']}"}
    return told | by_capability(SCHEMAS, entry, generic_schema)(entry)


def text_schema(entry):
    prompt = {"type": "string", "minLength": 1}
    alone = {"type": "object", "properties": {"text": prompt}, "required": ["text"], "additionalProperties": False}
    prompts = {"type": "array", "minItems": 1, "items": {"anyOf": [prompt, alone]}}
    return {
        "type": "object",
        "properties": {
            "instances": prompts | {"examples": [[entry["example"]["prompt"]]]},
            "parameters": {"type": "object", "properties": SAMPLING, "additionalProperties": False},
        },
        "required": ["instances"],
        "additionalProperties": False,
    }


def table_schema(entry):
    row = row_schema(entry["columns"])
    columns = {name: {"type": "array", "minItems": 1, "items": cell} for name, cell in row["properties"].items()}
    in_order = {
        "type": "array",
        "prefixItems": list(row["properties"].values()),
        "minItems": len(columns),
        "maxItems": len(columns),
    }
    forms = [row, in_order]
    if len(columns) == 1:
        forms += row["properties"].values()
    schema = {
        "type": "object",
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": {"anyOf": forms}, "examples": examples(entry)},
            "inputs": {"type": "object", "properties": columns, "required": list(columns)},
            "outputs": {"type": "array", "minItems": 1, "items": {"enum": list(entry["outputs"])}},
            "signature_name": {"const": "serving_default"},
        },
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
    }
    labelled = [name for name, output in entry["outputs"].items() if output.get("labels")]
    if labelled:  # only among labels are there k best ones
        schema["properties"]["top_k"] = {"type": "integer", "minimum": 1}
        if labelled[0] != next(iter(entry["outputs"])):  # and what answers unasked has none
            outputs = {"contains": {"enum": labelled}}
            schema["dependentSchemas"] = {"top_k": {"properties": {"outputs": outputs}, "required": ["outputs"]}}
    return schema


def row_schema(columns):
    """One row as an object: every column required, others ignored (and named in `warnings`)."""
    return {
        "type": "object",
        "properties": {column["name"]: cell_schema(column) for column in columns},
        "required": [column["name"] for column in columns],
    }


def cell_schema(column):
    """One column's cell. Ranges seen at packing are told, not enforced: a model may extrapolate."""
    if column["kind"] == "category":
        known = list(column["categories"])
        if column.get("accepts_unknown"):
            cell = {"type": sorted({CATEGORY_TYPES[type(value)] for value in known}), "examples": known}
        else:
            return {"enum": [*known, None] if column["nullable"] else known}
    else:
        cell = dict(TYPES[column["kind"]])
        cell["type"] = [cell["type"]]
    if column["nullable"]:
        cell["type"].append("null")
    if len(cell["type"]) == 1:
        (cell["type"],) = cell["type"]
    if "minimum" in column:
        cell["description"] = f"from {column['minimum']} to {column['maximum']} when the model was packed"
    return cell


def examples(entry):
    return [entry["example"]["instances"]]


def generic_schema(entry):
    """Of a capability that this module does not know: what the model itself says of its requests."""
    return entry.get("schema", {"type": "object"})


SCHEMAS = {PREDICT_TABLE.name: table_schema, GENERATE_TEXT.name: text_schema}
