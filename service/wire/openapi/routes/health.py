"""The probes, described."""

from ..parts import REFUSED, Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Health", "description": "For probes and load balancers."}


def live(place):
    schema = {"type": "object", "properties": {"status": {"const": "live"}}, "required": ["status"]}
    return Operation("Whether this process answers at all", json(schema, {"status": "live"}), open=True)


def ready(place):
    properties = {"status": {"const": "ready"}, "refused": REFUSED}
    schema = {"type": "object", "properties": properties, "required": ["status"]}
    return Operation(
        "Whether the models are loaded and proven, and which are not",
        json(schema, {"status": "ready"}),
        errors=(503,),
        open=True,
    )


OPERATIONS = {"GET live": live, "GET ready": ready}
