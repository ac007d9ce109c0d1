"""The Open Inference Protocol, described."""

from ....capabilities import CLASSIFY_IMAGE, EMBED_TEXT, GENERATE_TEXT, PREDICT_TABLE, RUN_TENSORS
from ... import v2
from ...adapter import by_capability
from ...text_calls import ASKED
from ..parts import PREDICTS, TIMED, Operation, json

__all__ = ["MODEL", "OPERATIONS", "TAG"]

MODEL = "name"
TAG = {
    "name": "V2",
    "description": "The Open Inference Protocol, as KServe, Triton and Seldon speak it, with raw tensors too.",
    "externalDocs": {"url": "https://github.com/kserve/open-inference-protocol"},
}
NUMBERS = [f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)]
TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"enum": ["BOOL", *NUMBERS, "FP16", "FP32", "FP64", "BYTES"]},
        "parameters": {"type": ["object", "null"]},
        "data": {"type": "array"},
    },
    "required": ["name", "shape", "datatype"],
}
TENSORS = {"type": "array", "items": TENSOR}
NAMED = {"model_name": {"type": "string"}, "model_version": {"type": "string"}}
RAW = {v2.OCTETS: {"schema": {"type": "string", "format": "binary"}}}


def object_of(*required, **properties):
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def server(place):
    names = {"type": "array", "items": {"type": "string"}}
    return Operation(
        "The server", json(object_of(name={"type": "string"}, version={"type": "string"}, extensions=names))
    )


def live(place):
    return Operation("Whether this process answers at all", json(object_of(live={"const": True})), open=True)


def ready(place):
    return Operation(
        "Whether every model is loaded and proven", json(object_of(ready={"const": True})), errors=(503,), open=True
    )


def metadata(place):
    answer = object_of("name", "versions", "platform", "inputs", "outputs", inputs={"type": "array"})
    return Operation(f"The tensors of {place.entry['name']}", json(answer), errors=(404, 503))


def model_ready(place):
    answer = object_of(name={"type": "string"}, ready={"const": True})
    return Operation(f"Whether {place.entry['name']} is ready", json(answer), errors=(404, 503))


def infer(place):
    entry = place.entry
    chosen = {"type": ["object", "null"]}
    body = object_of("inputs", id={"type": ["string", "null"]}, parameters=chosen, inputs={**TENSORS, "minItems": 1})
    answer = object_of("model_name", "model_version", "outputs", **NAMED, outputs=TENSORS)
    return Operation(
        f"Predict with {entry['name']}",
        json(answer) | RAW,
        description="One tensor of two dimensions, its columns in the fitted order, or one input for each column.",
        body=json(body, *by_capability(EXAMPLES, entry, generic)(entry)) | RAW,
        errors=PREDICTS,
        headers=TIMED,
    )


def table(entry):
    rows = entry["example"]["instances"]
    inputs = [tensor(name, [row[name] for row in rows]) for name in rows[0]]
    if len(inputs) == 1:  # several are always columns, one alone has to say so
        inputs[0]["parameters"] = {"content_type": "pd"}
    return [{"inputs": inputs}]


def text(entry):
    return [{"inputs": [tensor("text", [entry["example"]["prompt"]])], "parameters": {"max_tokens": 16}}]


def embedding(entry):
    return [{"inputs": [tensor("text", entry["example"]["instances"])]}]


def image(entry):
    return [{"inputs": [tensor("image", [each["b64"] for each in entry["example"]["instances"]])]}]


def reading(entry):
    chosen = {"parameters": entry["example"]["parameters"]} if "parameters" in entry["example"] else {}
    return [{"inputs": [tensor("text", entry["example"]["instances"])], **chosen}]


def network(entry):
    given = entry["example"].get("inputs", {})
    tensors = v2.metadata(entry)["inputs"]
    inputs = [
        {**each, "shape": shape_of(given[each["name"]]), "data": given[each["name"]]} for each in tensors if given
    ]
    return [{"inputs": inputs}] if inputs else []


def shape_of(nested):
    """Of lists in lists."""
    return [len(nested), *shape_of(nested[0])] if isinstance(nested, list) else []


def generic(entry):
    """Of a capability that this module does not know: no example."""
    return []


EXAMPLES = {
    PREDICT_TABLE.name: table,
    GENERATE_TEXT.name: text,
    EMBED_TEXT.name: embedding,
    CLASSIFY_IMAGE.name: image,
    RUN_TENSORS.name: network,
    **{capability.name: reading for capability in ASKED},
}
DATATYPES = {bool: "BOOL", int: "INT64", str: "BYTES"}


def tensor(name, values):
    datatype = DATATYPES.get(type(values[0]), "FP64")
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def index(place):
    ready = {"type": "boolean", "description": "only models that are ready"}
    schema = {"type": "object", "properties": {"ready": ready}, "additionalProperties": False}
    entry = object_of("name", "state", name={"type": "string"}, state={"type": "string"})
    return Operation(
        "Every model of the store, and its state",
        json({"type": "array", "items": entry}),
        body=json(schema, {}),
        body_required=False,
        errors=(413, 415, 503),
    )


OPERATIONS = {
    "GET server": server,
    "GET live": live,
    "GET ready": ready,
    "GET metadata": metadata,
    "GET model_ready": model_ready,
    "POST infer": infer,
    "POST index": index,
}
