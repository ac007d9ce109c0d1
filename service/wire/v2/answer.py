"""An answer of V2: what a model gave as tensors, in JSON or behind it as bytes.

encode(model, call, "id-1", [(Wanted("predict", binary=False), [(None, ["yes", "no"], None)])])
# (b'{"model_name":"m",...,"outputs":[{"name":"predict","datatype":"BYTES","shape":[2],"data":["yes","no"]}]}', None)
"""

import numpy as np
import orjson

from ..json_body import dump
from .request import FIRST, refuse
from .tensors import Tensor, write

__all__ = ["TEXT_OUTPUTS", "encode"]

# What a text model gives of each text, by the names that callers of V2 servers ask for.
TEXT_OUTPUTS = {
    "text": lambda one: one.text,
    "finish_reason": lambda one: one.finish_reason,
    "prompt_tokens": lambda one: one.prompt_tokens,
    "completion_tokens": lambda one: one.completion_tokens,
}
TEXT_OUTPUTS |= dict.fromkeys((FIRST, "text_output"), TEXT_OUTPUTS["text"])


def encode(model, call, identity, outputs, warnings=()):
    """An answer -> (bytes, bytes of JSON in them, or None where all is JSON).

    outputs: (Wanted, parts): each part (target or None, values, labels or None), values as tensors.write takes them.
    """
    told, raws = [], []
    for wanted, parts in outputs:
        for target, values, labels in parts:
            tensor = write(values)
            if wanted.classes:
                tensor = best(wanted, tensor, labels)
            name = wanted.name if target is None else f"{wanted.name}:{target}"
            entry = {"name": name, "datatype": tensor.datatype, "shape": tensor.shape}
            parameters = {} if labels is None else {"labels": orjson.dumps(labels).decode()}
            if wanted.binary:
                raws.append(tensor.raw())
                parameters["binary_data_size"] = len(raws[-1])
            else:
                entry["data"] = tensor.elements
            if parameters:
                entry["parameters"] = parameters
            told.append(entry)
    body = {"model_name": model.name, "model_version": model.version, "id": call.id or identity, "outputs": told}
    if warnings:
        body["parameters"] = {"warnings": "; ".join(warnings)}
    head = dump(body)
    return (b"".join([head, *raws]), len(head)) if raws else (head, None)


def best(wanted, tensor, labels):
    """Triton's classification: the `classes` largest of each row as texts, `value:place:label`."""
    if tensor.datatype not in ("FP64", "INT64") or len(tensor.shape) != 2:
        refuse([(f"outputs.{wanted.name}", "classification takes an output of numbers, several a row")])
    count = min(wanted.classes, tensor.shape[1])
    rows = tensor.elements.reshape(tensor.shape)
    places = np.argsort(-rows, axis=1, kind="stable")[:, :count]
    texts = [
        f"{row[place]:f}:{place}" + (f":{labels[place]}" if labels else "")
        for row, chosen in zip(rows.tolist(), places.tolist(), strict=True)
        for place in chosen
    ]
    return Tensor("BYTES", (len(rows), count), texts)
