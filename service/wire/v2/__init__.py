"""The Open Inference Protocol, V2, over REST, with the binary and the classification extension.

    {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
    -> {"model_name": "m", "model_version": "1", "id": "...",
        "outputs": [{"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["yes", "no"]}]}

A table is one tensor of two dimensions, its columns in the fitted order, or one input per column: several inputs are
always columns, one is where `content_type` is `pd`. A call may name its first output "output-0", as KServe's does.
Sources: https://github.com/kserve/open-inference-protocol and Triton's extensions (binary_data, classification).
"""

import re

import orjson

from .answer import TEXT_OUTPUTS, encode, encode_texts
from .metadata import index, metadata, server
from .request import FIRST, LENGTH, Call, Wanted, decode

__all__ = [
    "FIRST",
    "LENGTH",
    "OCTETS",
    "ROUTES",
    "TEXT_OUTPUTS",
    "Call",
    "Wanted",
    "decode",
    "encode",
    "encode_texts",
    "error_body",
    "index",
    "metadata",
    "server",
]

ROUTES = re.compile(r"/v2(?:/|$)")
OCTETS = "application/octet-stream"  # how answers with raw tensors are announced, and requests may be


def error_body(body, _status):
    """V2's `error` is a string that says all; code, details and request_id stand beside it."""
    fault = dict(body["error"])
    return {"error": sentence(fault.pop("message"), fault["details"], fault.get("total")), **fault}


def sentence(message, details, total):
    """The message, with every row and column that the details name: its clients show nothing else."""
    placed = [one for one in details if "row" in one or "column" in one]
    if len(placed) < 2:
        return message
    told = "; ".join(map(place, placed))
    more = (total or len(placed)) - len(placed)
    return told + (f"; and {more} more" if more > 0 else "")


def place(one):
    where = ", ".join(
        f"{what} {one[what] if what == 'row' else repr_of(one[what])}" for what in ("row", "column") if what in one
    )
    return f"{where}: expected {one['expected']}, got {one['got']}"


def repr_of(name):
    return orjson.dumps(name).decode()
