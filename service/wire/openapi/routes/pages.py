"""The pages for people, described."""

from ..parts import Operation, json

__all__ = ["CACHED", "HTML", "OPERATIONS", "TAG"]

TAG = {"name": "Pages", "description": "What a browser opens."}
HTML = {"text/html": {"schema": {"type": "string"}}}
NOT_SERVED = {404: "The start page, which says that there is no such model.", 503: "The same: it is not ready."}
CACHED = {"Cache-Control": {"description": "How long it may be kept.", "schema": {"type": "string"}}}


def front(place):
    names = {"type": "array", "items": {"type": "string"}}
    properties = {"status": {"const": "alive"}, "name": {"const": "daylight"}, "models": names}
    alive = {"type": "object", "properties": properties, "required": list(properties)}
    status = {"status": "alive", "name": "daylight", "models": [entry["name"] for entry in place.catalogue]}
    return Operation(
        "The front page",
        json(alive, status) | HTML,
        description="HTML where Accept prefers it, JSON for programs.",
        headers={"Vary": {"description": "Which header chose the form.", "schema": {"type": "string"}}},
    )


def model(place):
    return Operation(
        f"The page of {place.entry['name']}" if place.entry else "The page of a model",
        HTML,
        description="A form made from its columns, and the calls that do the same.",
        others={str(status): {"description": why, "content": HTML} for status, why in NOT_SERVED.items()},
        headers=CACHED,
    )


def activity(place):
    count = {"type": "integer", "minimum": 0}
    counts = dict.fromkeys(("requests", "refused", "failed"), count)
    of_model = {"type": "object", "properties": counts, "required": list(counts)}
    example = {entry["name"]: {"requests": 204, "refused": 3, "failed": 0} for entry in place.catalogue}
    return Operation(
        "How often each model was asked",
        json({"type": "object", "additionalProperties": of_model}, example),
        description="Predictions since the server started, over all workers; `refused` are 4xx, `failed` are 5xx.",
        headers=CACHED,
    )


def asset(place):
    return Operation(
        "A script or a style of the pages",
        {"*/*": {"schema": {"type": "string"}}},
        description="The digest of all of them stands in the path, so that they may be kept for ever.",
        errors=(404,),
        headers=CACHED,
        path={"digest": {"type": "string", "examples": ["0"]}, "name": {"type": "string", "examples": ["base.css"]}},
        open=True,
    )


OPERATIONS = {"GET front": front, "GET model": model, "GET activity": activity, "GET asset": asset}
