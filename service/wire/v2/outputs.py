"""The outputs that a request of V2 asks for.

read_outputs([{"name": "predict"}], False, faults)     # (RequestedOutput("predict", binary=False, classes=0),)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .limits import check_count

__all__ = ["Fault", "RequestedOutput", "parameters_of", "read_outputs"]

Fault = tuple[str, str]  # (field, sentence)


class RequestedOutput(NamedTuple):
    """An output that the request names.

    binary: whether it is answered as raw bytes. classes: how many of the best of each row, as texts; 0: the tensor.
    """

    name: str
    binary: bool
    classes: int = 0


def read_outputs(entries: Any, binary: bool, faults: list[Fault]) -> tuple[RequestedOutput, ...]:
    """The outputs that a request names, each once. binary: of those that do not say. Faults are appended.

    Raises PayloadTooLarge.
    """
    if entries is None:
        return ()
    if type(entries) is not list:
        faults.append(("outputs", "expected a list of objects"))
        return ()
    check_count(entries)
    outputs: dict[str, RequestedOutput] = {}
    for place, entry in enumerate(entries):
        if type(entry) is not dict or type(entry.get("name")) is not str:
            faults.append((f"outputs[{place}]", "expected an object with a name"))
            continue
        if type(entry.get("parameters")) not in (dict, type(None)):
            faults.append((f"outputs[{place}].parameters", "expected an object"))
        parameters = parameters_of(entry)
        raw, classes = parameters.get("binary_data", binary), parameters.get("classification", 0)
        if type(raw) is not bool:
            faults.append((f"outputs[{place}].parameters.binary_data", "expected true or false"))
        if type(classes) is not int or classes < 0:
            faults.append((f"outputs[{place}].parameters.classification", "expected how many classes"))
        if "shared_memory_region" in parameters:
            faults.append((f"outputs[{place}]", "shared memory is not written here"))
        outputs.setdefault(entry["name"], RequestedOutput(entry["name"], raw, classes))
    return tuple(outputs.values())


def parameters_of(entry: dict[str, Any]) -> dict[str, Any]:
    parameters = entry.get("parameters")
    return parameters if type(parameters) is dict else {}
