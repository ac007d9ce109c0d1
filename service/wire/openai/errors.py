"""OpenAI's form of an error: one object with message, type, param and code."""

from __future__ import annotations

from typing import Any

from ..outcomes import Outcome

__all__ = ["error_body"]

TYPES = {403: "permission_error", 429: "rate_limit_error"}  # else by whose fault it is


def error_body(body: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """errors.error_body in OpenAI's form; details and request_id stand beside its own members."""
    fault = body["error"]
    first = fault["details"][0] if fault["details"] else {}
    kind = TYPES.get(outcome.status, "invalid_request_error" if outcome.status < 500 else "server_error")
    return {"error": {**fault, "code": outcome.code, "type": kind, "param": first.get("parameter")}}
