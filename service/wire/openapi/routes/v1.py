"""KServe V1 and TF Serving: the native dialect, described."""

from collections.abc import Callable
from functools import partial

from ....capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ...adapter import by_capability
from ...images import MEDIA_TYPES
from ...table_formats import ANSWERS, FORMS, NPY
from ...text_calls import ASKED
from ...v1.json_schema import request_schema
from ..parts import PREDICTS, REFUSED, TIMED, Operation, json, ref

__all__ = ["MODEL", "OPERATIONS", "TAG"]

MODEL = "name"
TAG = {
    "name": "V1",
    "description": "KServe V1 and TensorFlow Serving's REST predict: the native dialect.",
    "externalDocs": {"url": "https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol"},
}
BYTES = {"schema": {"type": "string", "format": "binary"}}
NAMED = {"model_name": {"type": "string"}, "model_version": {"type": "string"}}
OPENAI_OBJECT = {
    "id": {"type": "string"},
    "object": {"const": "model"},
    "created": {"type": "integer", "description": "seconds since 1970"},
    "owned_by": {"type": "string"},
}


def list_models(place):
    entry = {
        "type": "object",
        "properties": {
            **OPENAI_OBJECT,
            "kind": {"type": "string"},
            "capabilities": {"type": "array", "items": {"type": "string"}},
            "version": {"type": "string"},
            "ready": {"type": "boolean"},
            "default": {"type": "boolean", "description": "whether it answers where no model is named"},
        },
        "required": [*OPENAI_OBJECT, "kind", "capabilities", "version", "ready", "default"],
    }
    schema = {
        "type": "object",
        "properties": {
            "object": {"const": "list"},
            "models": {"type": "array", "items": {"type": "string"}},
            "data": {"type": "array", "items": entry},
            "refused": REFUSED,
        },
        "required": ["object", "models", "data"],
    }
    return Operation("The models that are served", json(schema))


def describe(place):
    name = place.entry["name"]
    properties = {
        **OPENAI_OBJECT,
        "name": {"const": name},
        "version": {"type": "string"},
        "kind": {"type": "string"},
        "capabilities": {"type": "array", "items": {"type": "string"}},
        "ready": {"type": "boolean"},
        "default": {"type": "boolean"},
        "default_for": {
            "type": "array",
            "items": {"type": "string"},
            "description": "what it answers where no model is named",
        },
        "versions": {"type": "array", "items": {"type": "string"}},
        "limits": {
            "type": "object",
            "properties": {"max_rows": {"type": "integer"}, "max_body_bytes": {"type": "integer"}},
            "description": "what one request may hold: rows of a table, bytes of its decompressed body",
        },
        "example": {"type": "object", "description": "a request that is right, and its answer"},
        "columns": {"type": "array", "items": {"type": "object"}},
        "outputs": {"type": "object"},
        "metrics": {"type": "object"},
        "provenance": {"type": "object"},
    }
    required = [
        *OPENAI_OBJECT,
        "name",
        "version",
        "kind",
        "capabilities",
        "ready",
        "default",
        "versions",
        "limits",
        "example",
    ]
    schema = {"type": "object", "properties": properties, "required": required}
    return Operation(f"All that is known of {name}", json(schema), errors=(404, 503))


def schema(place):
    answer = {"type": "object", "required": ["$schema", "type", "properties"]}
    return Operation(f"The request of {place.entry['name']} as JSON Schema", json(answer), errors=(404, 503))


def metadata(place):
    answer = {"type": "object", "required": ["model_spec", "metadata"]}
    return Operation(f"The tensors of {place.entry['name']}, as TF Serving tells them", json(answer), errors=(404, 503))


def predict(place):
    return by_capability(PREDICTS_BY_CAPABILITY, place.entry, generic)(place, place.entry)


def table(place, entry):
    name, example = entry["name"], entry["example"]
    body = plain(entry)
    if place.versioned:  # another version may have other columns
        body["properties"] |= {"instances": {"type": "array", "minItems": 1}, "inputs": {"type": "object"}}
    else:
        body["properties"] |= {key: ref(f"{name}.{key}") for key in ("instances", "inputs")}
    rows = {"type": "array", "items": {} if place.versioned else ref(f"{name}.prediction")}
    answer = {
        "type": "object",
        "properties": {
            "predictions": rows,
            **NAMED,
            "outputs": {"type": "object", "additionalProperties": {"type": "array"}},
            "warnings": {"type": "array"},
        },
        "required": ["predictions", *NAMED],
    }
    primary = next(iter(example["outputs"]))
    reply = {"predictions": example["outputs"][primary], "model_name": name, "model_version": entry["version"]}
    call = {"instances": example["instances"]}
    columns = {key: [row[key] for row in example["instances"]] for key in example["instances"][0]}
    return Operation(
        f"Predict with {name}",
        json(answer, reply) | dict.fromkeys(ANSWERS, BYTES),
        description="Rows as `instances`, or columns as `inputs`; `outputs` chooses the methods that answer.",
        body=json(body, rows=call, columns={"inputs": columns}) | dict.fromkeys(FORMS, BYTES),
        errors=PREDICTS,
        headers=TIMED,
    )


def text(place, entry):
    call = {"instances": [entry["example"]["prompt"]], "parameters": {"max_tokens": 16, "temperature": 0}}
    return of_texts(entry, f"Continue texts with {entry['name']}", "completion", call)


def embedding(place, entry):
    call = {"instances": entry["example"]["instances"]}
    return of_texts(entry, f"Embed texts with {entry['name']}", "embedding", call)


def image(place, entry):
    """As JSON, and as the bytes of one image or files of a form; only there the query has the option."""
    call = {"instances": entry["example"]["instances"], "parameters": {"top_k": 1}}
    described = of_texts(entry, f"Classify images with {entry['name']}", "labels", call)
    described.body.update(dict.fromkeys(MEDIA_TYPES, BYTES))
    return described


def reading(asked, place, entry):
    call = {key: entry["example"][key] for key in ("instances", "parameters") if key in entry["example"]}
    return of_texts(entry, f"{asked.noun} with {entry['name']}", asked.output, call)


def of_texts(entry, summary, given, call):
    """given: the component of what a text gets."""
    name = entry["name"]
    body = plain(entry)
    body["properties"] |= {key: ref(f"{name}.{key}") for key in ("instances", "parameters")}
    answer = {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": ref(f"{name}.{given}")}, **NAMED},
        "required": ["predictions", *NAMED],
    }
    return Operation(
        summary,
        json(answer),
        body=json(body, call),
        errors=PREDICTS,
        headers=TIMED,
    )


def network(place, entry):
    body = plain(entry)
    body["properties"] |= {form: ref(f"{entry['name']}.{form}") for form in ("instances", "inputs")}
    answer = {"type": "object", "properties": {"predictions": {"type": "array"}, "outputs": {}, **NAMED}}
    calls = [{"inputs": entry["example"]["inputs"]}] if entry["example"] else []
    return Operation(
        f"Compute the outputs of {entry['name']}",
        json(answer | {"required": [*NAMED]}) | {NPY: BYTES},
        description="Whole tensors by name as `inputs`, answered as `outputs`; or a row each as `instances`, answered "
        "as `predictions`.",
        body=json(body, *calls) | {NPY: BYTES},
        errors=PREDICTS,
        headers=TIMED,
    )


def generic(place, entry):
    """Of a capability that this module does not know."""
    call = {"instances": entry["example"]["instances"]} if "instances" in entry["example"] else {}
    return Operation(
        f"Ask {entry['name']}", json({"type": "object"}), body=json(plain(entry), call), errors=PREDICTS, headers=TIMED
    )


PREDICTS_BY_CAPABILITY: dict[str, Callable[..., Operation]] = {
    PREDICT_TABLE.name: table,
    GENERATE_TEXT.name: text,
    EMBED_TEXT.name: embedding,
    CLASSIFY_IMAGE.name: image,
    RUN_TENSORS.name: network,
    **{capability.name: partial(reading, asked) for capability, asked in ASKED.items()},
}


def plain(entry):
    return {key: one for key, one in request_schema(entry).items() if key not in ("$schema", "title")}


OPERATIONS = {
    "GET list_models": list_models,
    "GET describe": describe,
    "GET schema": schema,
    "GET metadata": metadata,
    "POST predict": predict,
}
