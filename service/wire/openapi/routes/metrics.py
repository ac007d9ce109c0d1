"""The counters, described."""

from ..parts import Operation

__all__ = ["OPERATIONS", "TAG"]

TAG = {"name": "Metrics", "description": "What all workers have counted, for Prometheus."}


def metrics(place):
    return Operation("The counters of this server", {"text/plain": {"schema": {"type": "string"}}})


OPERATIONS = {"GET metrics": metrics}
