"""The members of a body, and the faults of its envelope, all in one error.

value = object_of(request.json, '{"input": "a text"}')                # a dict
options_of(value, ("input",), {"truncate": BOOLEAN})                # {"truncate": True}
refuse([{"parameter": "input", "message": "expected a text"}])      # RequestError: input: expected a text
refuse([])                                                          # nothing
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import InvalidParameters, RequestError
from ..generation.limits import Parameter, violations
from .json_limits import check_keys

__all__ = ["fault", "object_of", "options_of", "refuse"]

TOLD = 5  # faults in the sentence of an error; `details` has more


def object_of(value: Any, example: str = "") -> dict[str, Any]:
    """A body's JSON value. example: one, for the sentence of the error. Raises RequestError for what is no object."""
    if not isinstance(value, dict):
        raise RequestError(f"expected an object: {example}" if example else "expected an object")
    check_keys(value)
    return value


def options_of(value: dict[str, Any], own: Collection[str], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """The members that are none of its `own`, null as if it were not there. Raises InvalidParameters."""
    given = {name: each for name, each in value.items() if name not in own and each is not None}
    if faults := violations(given, known):
        raise InvalidParameters.naming(faults)
    return {name: known[name].read(each) for name, each in given.items()}


def fault(parameter: str, message: str) -> dict[str, Any]:
    return {"parameter": parameter, "message": message}


def refuse(faults: Sequence[dict[str, Any]]) -> None:
    """Raise RequestError where there are any. faults: each with its "parameter" and a "message" for the caller."""
    if faults:
        sentences = "; ".join(f"{each['parameter']}: {each['message']}" for each in faults[:TOLD])
        sentences += f" (and {len(faults) - TOLD} more)" if len(faults) > TOLD else ""
        raise RequestError(sentences, details=faults, total=len(faults))
