"""The pages for people, described."""

from ..parts import Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Pages", "description": "What a browser opens."}
HTML = {"text/html": {"schema": {"type": "string"}}}
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


def asset(place):
    return Operation(
        "A script or a style of the pages",
        {"*/*": {"schema": {"type": "string"}}},
        description="The digest of all of them stands in the path, so that they may be kept for ever.",
        errors=(404,),
        headers=CACHED,
        path={"digest": {"type": "string", "examples": ["0"]}, "name": {"type": "string", "examples": ["page.css"]}},
        open=True,
    )


OPERATIONS = {"GET front": front, "GET asset": asset}
