"""The article's own contract, described: one path that takes a table or a text."""

from ....capabilities import CLASSIFY_IMAGE, CLASSIFY_TEXT, GENERATE_TEXT, PREDICT_TABLE
from ...images import MEDIA_TYPES
from ...tei.errors import DIRECTIONS
from ...tei.predict import OPTIONS
from ...v1.json_schema import SAMPLING
from ..parts import PREDICTS, TIMED, Operation, json, query, ref

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Article", "description": "One path for the default models: a table, or a text to continue."}

PREDICTIONS = {"type": "object", "properties": {"text": {"type": "array"}}, "required": ["text"]}
COMPLETION = {"type": "object", "properties": {"Prediction": {"type": "string"}}, "required": ["Prediction"]}
LABEL = {"type": "object", "properties": {"Prediction": {}}, "required": ["Prediction"]}
TEXT = {"type": "string", "minLength": 1}
ONE_OR_TWO = {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "string"}}
TEI = {
    "type": "object",
    "properties": {
        "inputs": {"anyOf": [{"type": "string"}, ONE_OR_TWO, {"type": "array", "minItems": 1, "items": ONE_OR_TWO}]},
        "truncation_direction": {"enum": [*DIRECTIONS, None]},
        **{name: option.schema for name, option in OPTIONS.items()},
    },
    "required": ["inputs"],
    "additionalProperties": False,
}
SCORED = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"score": {"type": "number"}, "label": {"type": "string"}},
        "required": ["score", "label"],
    },
}
SCORES = {"anyOf": [SCORED, {"type": "array", "items": SCORED}]}
BYTES = {"schema": {"type": "string", "format": "binary"}}
ANY_TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


def predict(place):
    bodies: list[dict] = []
    answers: list[dict] = []
    examples = {}
    if (entry := place.default(PREDICT_TABLE)) is not None:
        table = {"anyOf": [ref(f"{entry['name']}.instances"), ref(f"{entry['name']}.inputs")]}
        data = {"type": "object", "properties": {"data": table}, "required": ["data"], "additionalProperties": False}
        bodies += [table, data]
        answers.append(PREDICTIONS)
        examples["table"] = {"data": entry["example"]["instances"]}
    if (entry := place.default_for(CLASSIFY_TEXT)) is not None:
        bodies.append(ANY_TEXT)
        answers.append(LABEL)
        examples["text"] = {"text": next(iter(entry["example"]["instances"][0].values()))}
        if "pairs" in entry:
            bodies.append(TEI)
            answers.append(SCORES)
            examples["scores"] = {"inputs": [[next(iter(entry["example"]["instances"][0].values()))]]}
    elif (entry := place.default(GENERATE_TEXT)) is not None:
        properties = {"text": TEXT, **SAMPLING}
        bodies.append({"type": "object", "properties": properties, "required": ["text"], "additionalProperties": False})
        answers.append(COMPLETION)
        examples["text"] = {"text": entry["example"]["prompt"], "max_tokens": 16}
    images = MEDIA_TYPES if place.default(CLASSIFY_IMAGE) is not None else ()
    if images:
        answers += [LABEL, PREDICTIONS]
    return Operation(
        "Predict with the default model",
        json({"anyOf": answers or [PREDICTIONS, COMPLETION]}),
        description="A table is rows, lists or columns, bare or under `data`; sampling parameters stand beside `text`. "
        "A body with `inputs` is text-embeddings-inference's, unless a model here has a column of that name.",
        body=json({"anyOf": bodies} if bodies else {}, **examples) | dict.fromkeys(images, BYTES),
        errors=PREDICTS,
        headers=TIMED,
    )


def predict_query(place):
    return Operation(
        "Continue a text",
        json(LABEL if place.default_for(CLASSIFY_TEXT) else COMPLETION),
        description="The text is lower-cased and the temperature is 0.6, as in the article.",
        parameters=(query("text", TEXT, "The text to continue.", required=True),),
        errors=(422, 429, 503, 504),
        headers=TIMED,
    )


OPERATIONS = {"POST predict": predict, "GET predict_query": predict_query}
