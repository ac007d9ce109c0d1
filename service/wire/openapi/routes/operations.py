"""The operations page and what it does, described."""

from ..parts import Operation, json
from .pages import CACHED, HTML

__all__ = ["OPERATIONS", "TAG"]

TAG = {
    "name": "Operations",
    "description": "Which version of a model answers: checked, promoted and rolled back, by keys of scope admin.",
}
TEXT = {"type": "string"}
SENTENCES = {"type": "array", "items": TEXT}
WHY = {**TEXT, "description": "for the history"}
BREAKING = {"type": "boolean", "description": "promote it even where callers of the current version would break"}
CHECKED = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "version": TEXT,
        "serving": {"type": ["string", "null"]},
        "breaking": SENTENCES,
        "differences": SENTENCES,
    },
    "required": ["name", "version", "serving", "breaking", "differences"],
}
CHANGED = {
    "type": "object",
    "properties": {"name": TEXT, "version": TEXT, "state": {"enum": ["READY", "LOADING"]}},
    "required": ["name", "version", "state"],
}
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
BIN = {
    "type": "object",
    "properties": {"bin": TEXT, "share": SHARE, "in_sample": SHARE},
    "required": ["bin", "share", "in_sample"],
}
FEATURE = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "of": {"enum": ["column", "output"]},
        "rows": {"type": "integer", "minimum": 0},
        "judged": {"type": "boolean", "description": "false of an output's numbers, which are only shown"},
        "psi": {"type": "number", "minimum": 0},
        "missing": SHARE,
        "strange": {**SHARE, "description": "numbers outside the sample's range, or unknown categories"},
        "missing_in_sample": SHARE,
        "bins": {"type": "array", "items": BIN},
        "drifted": {**SENTENCES, "description": "in what; empty where it has not"},
    },
    "required": ["name", "of", "rows", "judged", "psi", "missing", "strange", "missing_in_sample", "bins", "drifted"],
}
DRIFT = {
    "type": "object",
    "properties": {
        "model": TEXT,
        "version": TEXT,
        "rows": {"type": "integer", "minimum": 0, "description": "in the window; fewer than 200 say nothing"},
        "window": {"type": "integer", "description": "rows that it holds when it is full"},
        "too_few": {"type": "boolean"},
        "drifted": {**SENTENCES, "description": "names of columns and outputs"},
        "features": {"type": "array", "items": FEATURE},
    },
    "required": ["model", "version", "rows", "window", "too_few", "drifted", "features"],
}
ERRORS = (400, 403, 404, 413, 415, 503)


def body(required, **properties):
    return json({"type": "object", "properties": properties, "required": required, "additionalProperties": False})


def page(place):
    return Operation("The operations page", HTML, errors=(403,), headers=CACHED)


def drift(place):
    return Operation(
        "How the last rows differ from the training sample",
        json(DRIFT),
        "Columns and outputs that have drifted come first, then those of the largest population stability index.",
        errors=(400, 403, 404, 503),
    )


def check(place):
    return Operation(
        "Check a version without serving it",
        json(CHECKED),
        "It is loaded beside the one that answers, its example is replayed, and both are compared.",
        body=body(["version"], version=TEXT),
        errors=ERRORS,
    )


def promote(place):
    return Operation(
        "Check a version, make it the current one, and wait for the workers",
        json(CHANGED),
        "Where a worker refuses the version, the change is undone and the answer is 400; after 202, it is not undone.",
        body=body(["version"], version=TEXT, why=WHY, breaking=BREAKING),
        errors=ERRORS,
        others=UNDER_WAY,
    )


def rollback(place):
    return Operation(
        "Go back to the version that was current before",
        json(CHANGED),
        body=body([], why=WHY),
        body_required=False,
        errors=ERRORS,
        others=UNDER_WAY,
    )


UNDER_WAY = {"202": {"description": "The workers are at it.", "content": json(CHANGED)}}
OPERATIONS = {
    "GET page": page,
    "GET drift": drift,
    "POST check": check,
    "POST promote": promote,
    "POST rollback": rollback,
}
