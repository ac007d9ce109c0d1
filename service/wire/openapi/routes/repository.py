"""Loading and unloading, described: the repository extension of the Open Inference Protocol."""

from ..parts import Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {
    "name": "Repository",
    "description": "Loading and unloading of models, and their history, for keys of scope admin.",
}
STATE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "version": {"type": ["string", "null"]},
        "state": {"enum": ["READY", "LOADING", "UNAVAILABLE"]},
    },
    "required": ["name", "version", "state"],
}


def change(place):
    load = place.path.endswith("/load")
    accepted = {"description": "The workers are at it.", "content": json(STATE)}
    return Operation(
        "Load a model, or its newest current version" if load else "Serve a model no more",
        json(STATE),
        errors=(403, 404, 503),
        others={"202": accepted},
    )


TEXT = {"type": "string"}
OPTIONAL = {"type": ["string", "null"]}
RECEIPT = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "what": {"enum": ["pack", "promote", "rollback", "remove"]},
        **dict.fromkeys(("model", "version", "when", "user", "host", "why", "key", "digest", "signature"), TEXT),
        **dict.fromkeys(("before", "current"), OPTIONAL),
        "earlier": {"type": "array", "items": TEXT},
    },
    "required": ["number", "what", "version", "before", "current", "when", "user", "host", "why", "key"],
}
ASKED = {"type": "object", "properties": {"what": {"enum": ["load", "unload"]}, "when": TEXT, "key": TEXT}}
HISTORY = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "history": {"type": "array", "items": RECEIPT},
        "asked": {"type": "array", "items": ASKED},
    },
    "required": ["name", "history", "asked"],
}


def history(place):
    return Operation(
        "Who packed, promoted, rolled back and removed which version",
        json(HISTORY),
        "`history`: the receipts of the store, oldest first; `key` is the name of the signer. `asked`: what admins "
        "have asked of this server since it started, by the name of their API key.",
        errors=(403, 404, 503),
    )


OPERATIONS = {"POST load": change, "POST unload": change, "GET history": history}
