"""The probes, described."""

from ..parts import Operation, json

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Health", "description": "For probes and load balancers."}


def live(place):
    schema = {"type": "object", "properties": {"status": {"const": "live"}}, "required": ["status"]}
    return Operation("Whether this process answers at all", json(schema, {"status": "live"}), open=True)


def ready(place):
    schema = {"type": "object", "properties": {"status": {"const": "ready"}}, "required": ["status"]}
    return Operation(
        "Whether every model is loaded and proven", json(schema, {"status": "ready"}), errors=(503,), open=True
    )


OPERATIONS = {"GET live": live, "GET ready": ready}
