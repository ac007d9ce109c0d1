"""Loading and unloading, described: the repository extension of the Open Inference Protocol."""

from ..parts import Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Repository", "description": "Loading and unloading of models, for keys of scope admin."}
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


OPERATIONS = {"POST load": change, "POST unload": change}
