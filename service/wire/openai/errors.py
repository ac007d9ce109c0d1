"""OpenAI's form of an error: one object with message, type, param and code."""

from __future__ import annotations

from typing import Any

__all__ = ["error_body"]

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error_body(body: dict[str, Any], status: int) -> dict[str, Any]:
    """errors.error_body in OpenAI's form; details and request_id stand beside its own members."""
    fault = body["error"]
    first = fault["details"][0] if fault["details"] else {}
    kind = TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {**fault, "type": kind, "param": first.get("parameter")}}
