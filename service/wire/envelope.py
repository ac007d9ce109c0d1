"""The faults of a body's envelope, all in one error.

refuse([{"parameter": "input", "message": "expected a text"}])      # RequestError: input: expected a text
refuse([])                                                          # nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import RequestError

__all__ = ["fault", "refuse"]

TOLD = 5  # faults in the sentence of an error; `details` has more


def fault(parameter: str, message: str) -> dict[str, Any]:
    return {"parameter": parameter, "message": message}


def refuse(faults: Sequence[dict[str, Any]]) -> None:
    """Raise RequestError where there are any. faults: each with its "parameter" and a "message" for the caller."""
    if faults:
        sentences = "; ".join(f"{each['parameter']}: {each['message']}" for each in faults[:TOLD])
        sentences += f" (and {len(faults) - TOLD} more)" if len(faults) > TOLD else ""
        raise RequestError(sentences, details=faults, total=len(faults))
