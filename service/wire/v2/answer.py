"""An answer of V2: a model's outputs as tensors, in JSON or behind it as bytes.

encode(model, call, "id-1", [(RequestedOutput("predict", binary=False), [(None, ["yes", "no"], None)])])
# (b'{"model_name":"m",...,"outputs":[{"name":"predict","datatype":"BYTES","shape":[2],"data":["yes","no"]}]}', None)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import orjson

from ..json_body import dump
from .outputs import RequestedOutput
from .request import FIRST, Call, refuse
from .tensors import Tensor, write

__all__ = ["EMBEDDINGS", "TEXT_OUTPUTS", "Part", "encode"]

# The outputs of a model that generates text, by the names that clients of V2 servers ask for.
TEXT_OUTPUTS: dict[str, Callable[[Any], Any]] = {
    "text": lambda completion: completion.text,
    "finish_reason": lambda completion: completion.finish_reason,
    "prompt_tokens": lambda completion: completion.prompt_tokens,
    "completion_tokens": lambda completion: completion.completion_tokens,
}
TEXT_OUTPUTS |= dict.fromkeys((FIRST, "text_output"), TEXT_OUTPUTS["text"])

EMBEDDINGS = ("embeddings", FIRST)  # the names of an embedding model's output

# (target or None, a Tensor or values as tensors.write takes them, labels or None)
Part = tuple[str | None, Any, Sequence[Any] | None]


def encode(
    model: Any,
    call: Call,
    request_id: str,
    outputs: Iterable[tuple[RequestedOutput, Iterable[Part]]],
    warnings: Sequence[str] = (),
) -> tuple[bytes, int | None]:
    """Outputs, each in its parts -> (bytes, how many of them are JSON, or None where all are)."""
    entries, raws = [], []
    for output, parts in outputs:
        for target, values, labels in parts:
            tensor = values if isinstance(values, Tensor) else write(values)
            if output.classes:
                tensor = best(output, tensor, labels)
            name = output.name if target is None else f"{output.name}:{target}"
            entry: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": tensor.shape}
            parameters: dict[str, Any] = {} if labels is None else {"labels": orjson.dumps(labels).decode()}
            if output.binary:
                raws.append(tensor.raw())
                parameters["binary_data_size"] = len(raws[-1])
            else:
                entry["data"] = tensor.elements
            if parameters:
                entry["parameters"] = parameters
            entries.append(entry)
    body = {"model_name": model.name, "model_version": model.version, "id": call.id or request_id, "outputs": entries}
    if warnings:
        body["parameters"] = {"warnings": "; ".join(warnings)}
    head = dump(body)
    return (b"".join([head, *raws]), len(head)) if raws else (head, None)


def best(output: RequestedOutput, tensor: Tensor, labels: Sequence[Any] | None) -> Tensor:
    """Triton's classification: the `classes` largest of each row as texts, `value:place:label`."""
    if tensor.datatype not in ("FP64", "FP32", "INT64") or len(tensor.shape) != 2:
        refuse([(f"outputs.{output.name}", "classification takes an output of numbers, several a row")])
    count = min(output.classes, tensor.shape[1])
    rows = tensor.elements.reshape(tensor.shape)
    places = np.argsort(-rows, axis=1, kind="stable")[:, :count]
    texts = [
        f"{row[place]:f}:{place}" + (f":{labels[place]}" if labels else "")
        for row, chosen in zip(rows.tolist(), places.tolist(), strict=True)
        for place in chosen
    ]
    return Tensor("BYTES", (len(rows), count), texts)
