"""A model's request as JSON Schema (draft 2020-12), made from its own columns.

    GET /v1/models/<name>/schema -> {"$schema": ..., "type": "object", "properties": {"instances": ...}}

What the schema says no to, the column plan refuses too; what only the estimator knows
(a value it cannot compute with) no schema can say.
"""

__all__ = ["request_schema", "row_schema"]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

TYPES = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
CATEGORY_TYPES = {str: "string", bool: "boolean", int: "number", float: "number"}


def request_schema(entry):
    """A tabular model's description -> the schema of the body of its `:predict`."""
    row = row_schema(entry["columns"])
    columns = {name: {"type": "array", "items": cell} for name, cell in row["properties"].items()}
    in_order = {
        "type": "array",
        "prefixItems": list(row["properties"].values()),
        "minItems": len(columns),
        "maxItems": len(columns),
    }
    forms = [row, in_order]
    if len(columns) == 1:
        forms += row["properties"].values()
    return {
        "$schema": DRAFT,
        "title": f"{entry['name']} version {entry['version']}",
        "type": "object",
        "properties": {
            "instances": {"type": "array", "minItems": 1, "items": {"anyOf": forms}, "examples": examples(entry)},
            "inputs": {"type": "object", "properties": columns, "required": list(columns)},
            "outputs": {"type": "array", "minItems": 1, "items": {"enum": list(entry["outputs"])}},
            "top_k": {"type": "integer", "minimum": 1},
            "signature_name": {"const": "serving_default"},
        },
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "additionalProperties": False,
    }


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
