"""What a network over tensors is asked: arrays by name, sent and answered as raw bytes (the Open Inference Protocol).

    client.run({"image": image})["logits"]        # an ndarray

numpy is imported when the first arrays are sent; nothing else here needs it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .base_client import BaseClient
from .calls import Body, Call

if TYPE_CHECKING:
    import numpy

__all__ = ["run"]

LENGTH = "Inference-Header-Content-Length"
KINDS = {"b": "BOOL", "i": "INT", "u": "UINT", "f": "FP"}
LETTERS = {"INT": "i", "UINT": "u", "FP": "f"}


def run(
    client: BaseClient,
    inputs: dict[str, Any],
    model: str | None = None,
    *,
    version: str | None = None,
    outputs: str | Iterable[str] | None = None,
    timeout: float | None = None,
) -> Call[dict[str, numpy.ndarray[Any, Any]]]:
    """Arrays by the names of a network's inputs -> its outputs, ndarrays by name.

    inputs: of each name an ndarray, or whatever `numpy.asarray` makes one of; `describe(model)["inputs"]` says the
    names, dtypes and shapes. model: a name; None is the server's default for networks. outputs: the names of those
    wanted; None: all. Raises InvalidRequest whose `details` name every input that does not fit; TypeError for
    arrays of anything but numbers and truth values; ImportError without numpy.
    """
    body = body_of(inputs, [outputs] if isinstance(outputs, str) else outputs)
    deadline = client.retries.until(timeout)

    def ask(name: str) -> Call[dict[str, numpy.ndarray[Any, Any]]]:
        at = "" if version is None else f"/versions/{quote(str(version), safe='')}"
        path = f"/v2/models/{quote(name, safe='')}{at}/infer"
        answer = yield from client._request("POST", path, body, deadline)
        try:
            return arrays_of(answer.content, int(answer.headers[LENGTH]))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise client._unexpected(path, answer) from error

    return client._of_model("network", model, ask, deadline)


def body_of(inputs: dict[str, Any], outputs: Iterable[str] | None) -> Body:
    """Raises TypeError for arrays of anything but numbers and truth values."""
    import numpy

    entries, raws = [], []
    for name, value in inputs.items():
        array = numpy.asarray(value)
        if array.dtype.kind not in KINDS or array.dtype.itemsize > 8:
            raise TypeError(f"{name!r} is an array of {array.dtype}; a network takes numbers and truth values")
        raw = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        bits = "" if array.dtype.kind == "b" else str(8 * array.dtype.itemsize)
        datatype = f"{KINDS[array.dtype.kind]}{bits}"
        size = {"binary_data_size": len(raw)}
        entries.append({"name": str(name), "shape": array.shape, "datatype": datatype, "parameters": size})
        raws.append(raw)
    request: dict[str, Any] = {"inputs": entries, "parameters": {"binary_data_output": True}}
    if outputs is not None:
        request["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(request).encode()
    return Body(b"".join([head, *raws]), "application/octet-stream", "", ((LENGTH, str(len(head))),))


def arrays_of(content: bytes, json_length: int) -> dict[str, numpy.ndarray[Any, Any]]:
    """The outputs of an answer. Raises ValueError, TypeError, LookupError or AttributeError where it is none."""
    import numpy

    head, place = json.loads(content[:json_length]), json_length
    found = {}
    for entry in head["outputs"]:
        datatype, size = entry["datatype"], entry["parameters"]["binary_data_size"]
        letters = datatype.rstrip("0123456789")
        dtype = "?" if letters == "BOOL" else f"<{LETTERS[letters]}{int(datatype[len(letters) :]) // 8}"
        array = numpy.frombuffer(content[place : place + size], dtype).reshape(entry["shape"])
        found[entry["name"]] = array.astype(array.dtype.newbyteorder("="))
        place += size
    return found
