"""The errors of text-embeddings-inference, and what its routes have in common."""

from __future__ import annotations

from typing import Any

from ..envelope import fault
from ..outcomes import Outcome

__all__ = ["DIRECTIONS", "NAME", "direction_faults", "error_body"]

NAME = "tei"
DIRECTIONS = ("Right", "right")  # from which a text is cut; another one is not served
# Statuses -> what its clients read of an error.
TYPES = {413: "Validation", 422: "Validation", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


def error_body(body: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """TEI's `error` is a string, beside its type; code, details and request_id stand beside them."""
    error = dict(body["error"])
    kind = TYPES.get(outcome.status, "Validation" if outcome.status < 500 else "Backend")
    return {"error": error.pop("message"), "error_type": kind, **error}


def direction_faults(value: dict[str, Any]) -> list[dict[str, Any]]:
    """What is wrong with the body's truncation_direction."""
    wrong = value.get("truncation_direction") not in (*DIRECTIONS, None)
    return [fault("truncation_direction", "is Right here; leave it out")] if wrong else []
