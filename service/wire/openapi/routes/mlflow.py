"""MLflow's scoring server, described."""

from collections.abc import Callable
from functools import partial

from ....capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ... import mlflow
from ...adapter import by_capability
from ...embedding_options import SCHEMA as EMBEDDING
from ...images import MEDIA_TYPES, OPTIONS
from ...output_options import output_names
from ...table_formats import CSV
from ...text_calls import ASKED
from ...v1.json_schema import SAMPLING
from ..parts import PREDICTS, TIMED, Operation, json, ref

__all__ = ["MODEL", "OPERATIONS", "TAG"]

MODEL = "name"
TAG = {
    "name": "MLflow",
    "description": f"The scoring protocol of MLflow {mlflow.VERSION}, for its clients.",
    "externalDocs": {"url": "https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/"},
}
TEXT = {"text/plain": {"schema": {"type": "string"}}}
ANSWER = {"type": "object", "properties": {"predictions": {"type": "array"}}, "required": ["predictions"]}
WHOLE = {"type": "object", "required": ["predictions"]}  # of a network: an object of outputs, or the only one


def invocations(place):
    entry = place.entry or unnamed(place)
    if entry is None:
        return Operation("Predict with the default model", json(ANSWER), body=json({"type": "object"}), errors=PREDICTS)
    body = by_capability(BODIES, entry, generic)(entry)
    answer = WHOLE if RUN_TENSORS.name in entry["capabilities"] else ANSWER
    return Operation(f"Predict with {entry['name']}", json(answer), body=body, errors=PREDICTS, headers=TIMED)


def unnamed(place):
    """The model that answers where none is named: the default of the first capability that any model has."""
    capabilities = [capability for capability in mlflow.ADAPTERS if place.having(capability)]
    return place.default(capabilities[0]) if capabilities else None


def table(entry):
    rows = entry["example"]["instances"]
    columns = list(rows[0])
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": ["array", "null"], "description": "without them: in the order fitted on"},
            "data": {"type": "array", "minItems": 1, "items": in_order(len(columns))},
            "index": {"description": "says nothing about the rows"},
        },
        "required": ["data"],
    }
    forms = {
        "dataframe_split": split,
        "dataframe_records": ref(f"{entry['name']}.instances"),
        "instances": ref(f"{entry['name']}.instances"),
        "inputs": {"anyOf": [ref(f"{entry['name']}.{form}") for form in ("instances", "inputs")]},
    }
    params = {
        "type": ["object", "null"],
        "properties": {"outputs": {"type": "array", "minItems": 1, "items": {"enum": output_names(entry)}}},
        "additionalProperties": False,
    }
    call = {
        "dataframe_split": {"columns": columns, "data": [list(row.values()) for row in rows]},
        "dataframe_records": rows,
        "instances": rows,
        "inputs": {name: [row[name] for row in rows] for name in columns},
    }
    examples = {form: {form: value} for form, value in call.items()}
    return json(one_of(forms, params), **examples) | {CSV: {"schema": {"type": "string"}}}


def text(entry):
    return of_texts(SAMPLING, {"instances": [entry["example"]["prompt"]], "params": {"max_tokens": 16}})


def embedding(entry):
    return of_texts(EMBEDDING["properties"], {"instances": entry["example"]["instances"]})


def image(entry):
    options = {name: option.schema for name, option in OPTIONS.items()}
    texts = [each["b64"] for each in entry["example"]["instances"]]
    raw = {"schema": {"type": "string", "format": "binary"}}
    return of_texts(options, {"instances": texts, "params": {"top_k": 1}}) | dict.fromkeys(MEDIA_TYPES, raw)


def reading(asked, entry):
    example = entry["example"]
    chosen = {"params": example["parameters"]} if "parameters" in example else {}
    return of_texts(asked.schema["properties"], {"instances": example["instances"], **chosen})


def of_texts(parameters, example):
    several = {"type": "array", "minItems": 1}
    column = {"anyOf": [{"type": "string"}, several]}
    table = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": column}
    prompts = {"anyOf": [{"type": "string"}, several, table]}
    params = {"type": ["object", "null"], "properties": parameters, "additionalProperties": False}
    forms = dict.fromkeys(("instances", "inputs"), prompts)
    return json(one_of(forms, params), example)


def network(entry):
    forms = {form: ref(f"{entry['name']}.{form}") for form in ("instances", "inputs")}
    outputs = {"type": "array", "minItems": 1, "items": {"enum": [*entry["outputs"]]}}
    params = {"type": ["object", "null"], "properties": {"outputs": outputs}, "additionalProperties": False}
    return json(one_of(forms, params), *([{"inputs": entry["example"]["inputs"]}] if entry["example"] else []))


def generic(_entry):
    """Of a capability that this module does not know."""
    return json({"type": "object"})


BODIES: dict[str, Callable[[dict], dict]] = {
    PREDICT_TABLE.name: table,
    GENERATE_TEXT.name: text,
    EMBED_TEXT.name: embedding,
    CLASSIFY_IMAGE.name: image,
    RUN_TENSORS.name: network,
    **{capability.name: partial(reading, asked) for capability, asked in ASKED.items()},
}


def in_order(width):
    return {"type": "array", "minItems": width, "maxItems": width}


def one_of(forms, params):
    """An object with exactly one of the forms of a table; other keys are ignored, and said so in `warnings`."""
    return {
        "type": "object",
        "properties": {**forms, "params": params},
        "oneOf": [{"required": [form]} for form in forms],
    }


def ping(place):
    return Operation("Whether the models are loaded", TEXT, errors=(503,), open=True)


def version(place):
    return Operation("The release of MLflow whose protocol this is", TEXT, open=True)


OPERATIONS = {"POST invocations": invocations, "GET ping": ping, "GET version": version}
