"""The Open Inference Protocol, V2, over REST, with the binary and the classification extension.

    {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
    -> {"model_name": "m", "model_version": "1", "id": "...",
        "outputs": [{"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["yes", "no"]}]}

A table is one tensor of two dimensions, its columns in the fitted order, or one input per column: several inputs are
always columns, one is where `content_type` is `pd`. A call may name its first output "output-0", as KServe's does.
Sources: https://github.com/kserve/open-inference-protocol and Triton's extensions (binary_data, classification).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import orjson

from ...capabilities import (
    CLASSIFY_IMAGE,
    EMBED_TEXT,
    GENERATE_TEXT,
    PREDICT_TABLE,
    RUN_TENSORS,
    ClassifyImageCall,
    EmbedCall,
    TableCall,
    TextCall,
)
from ...errors import InvalidParameters
from .. import images
from ..adapter import Adapter, Decoded, Encoded, Request
from ..embedding_options import options
from ..envelope import options_of
from ..json_body import dump
from ..outcomes import Outcome
from ..quick_tables import number_lists
from ..text_calls import ASKED, Asked
from .answer import EMBEDDINGS, TEXT_OUTPUTS, encode
from .limits import Limits
from .metadata import index, metadata, server
from .network import decode_tensors, parts_of
from .outputs import RequestedOutput
from .request import FIRST, LENGTH, Call, decode, read
from .tensors import Tensor

__all__ = ["ADAPTERS", "LENGTH", "NAME", "OCTETS", "PREFIX", "error_body", "index", "metadata", "server"]

NAME = "v2"
PREFIX = "/v2/"
PLACES = ("row", "column", "input")  # of what is wrong with data
OCTETS = "application/octet-stream"  # how answers with raw tensors are announced, and requests may be


def decode_table(request: Request, model: Any) -> Decoded:
    """Tensors -> a TableCall. Raises RequestError or PayloadTooLarge."""
    columns = len(model.plan.rows.every)

    def of_arrays(value: Any) -> Decoded:
        call = read(value, Limits(request.max_rows, columns))
        return decoded_table(call, model, call.instances(flat))

    found = number_lists(request, model, ("data",), of_arrays) if request.json_length is None else None
    if found is not None:
        return found
    call = decode(request.content, request.json_length, request.max_rows, columns)
    return decoded_table(call, model, call.instances())


def flat(cells: Any) -> Any:
    return cells.ravel() if isinstance(cells, np.ndarray) else cells


def decoded_table(call: Call, model: Any, instances: Any) -> Decoded:
    names = [model.primary if output.name == FIRST else output.name for output in call.outputs]
    return Decoded(TableCall(instances, names or None), note=call, timeout=call.timeout)


def encode_table(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TabularAnswer as tensors, in JSON or behind it as bytes."""
    call, arrays = decoded.note, answer.arrays()
    outputs = call.outputs or [RequestedOutput(next(iter(arrays)), call.binary)]
    names = decoded.call.outputs or arrays
    ignored = [f"parameter {name[:80]!r} means nothing for tables and was ignored" for name in call.parameters]
    parts = [(output, arrays[name]) for output, name in zip(outputs, names, strict=True)]
    return encoded(*encode(model, call, request.id, parts, (*answer.warnings, *ignored[:10])))


def decode_text(request: Request, _model: Any) -> Decoded:
    """One tensor of texts -> a TextCall. Raises as `decode_table`, or InvalidParameters for an unknown output."""
    call = call_of_texts(request, TEXT_OUTPUTS)
    return Decoded(TextCall(call.texts(), call.parameters), note=call, timeout=call.timeout)


def decode_embedding(request: Request, _model: Any) -> Decoded:
    """One tensor of texts -> an EmbedCall. Raises as `decode_text`."""
    call = call_of_texts(request, EMBEDDINGS)
    chosen = options(call.parameters)
    return Decoded(
        EmbedCall(call.texts(), **chosen), note=call, timeout=call.timeout, names={"input": "inputs[0].data"}
    )


def decode_asked(asked: Asked, request: Request, _model: Any) -> Decoded:
    """One tensor of texts -> a call for something else of them. Raises as `decode_text`."""
    call = call_of_texts(request, (asked.output, FIRST))
    return Decoded(
        asked.call(call.texts(), call.parameters), note=call, timeout=call.timeout, names={"texts": "inputs[0].data"}
    )


def decode_images(request: Request, _model: Any) -> Decoded:
    """One tensor of images, raw or in base64 -> a ClassifyImageCall. Raises as `decode_text`."""
    call = call_of_texts(request, (*images.OUTPUTS, FIRST), Limits(request.max_rows, 1, octets=True))
    options_of(call.parameters, (), {})  # `classification` of an output says how many labels are wanted
    found = [each if isinstance(each, bytes) else images.from_text(each) for each in call.elements("an image")]
    return Decoded(ClassifyImageCall(found), note=call, timeout=call.timeout)


def call_of_texts(request: Request, known: Iterable[str], limits: Limits | None = None) -> Call:
    """known: names of outputs. limits: as `decode` has them."""
    call = decode(request.content, request.json_length, request.max_rows, limits=limits)
    unknown = [output.name for output in call.outputs if output.name not in known]
    if unknown:
        expected = f"any of {', '.join(known)}"
        raise InvalidParameters.naming(
            [{"parameter": "outputs", "expected": expected, "got": f"{name!r:.80}"} for name in unknown]
        )
    return call


def encode_text(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """The outputs of TEXT_OUTPUTS that were asked for, or the text and why it ends."""
    call = decoded.note
    outputs = call.outputs or (RequestedOutput("text", call.binary), RequestedOutput("finish_reason", call.binary))
    values = [[TEXT_OUTPUTS[output.name](completion) for completion in answer.completions] for output in outputs]
    parts = [(output, [(None, column, None)]) for output, column in zip(outputs, values, strict=True)]
    return encoded(*encode(model, call, request.id, parts))


def encode_embedding(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """The vectors as one tensor, FP32 [texts, dimensions]."""
    call = decoded.note
    tensor = Tensor("FP32", answer.vectors.shape, answer.vectors.astype("<f4").ravel())
    outputs = call.outputs or (RequestedOutput(EMBEDDINGS[0], call.binary),)
    return encoded(*encode(model, call, request.id, [(output, [(None, tensor, None)]) for output in outputs]))


def encode_asked(asked: Asked, model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """What each text gets, as one tensor of JSON texts, BYTES [texts]."""
    call = decoded.note
    told = [dump(value).decode() for value in answer.values]
    outputs = call.outputs or (RequestedOutput(asked.output, call.binary),)
    return encoded(*encode(model, call, request.id, [(output, [(None, told, None)]) for output in outputs]))


def encode_images(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """The most probable label, BYTES [images], and the scores of all of them, FP64 [images, labels]."""
    call = decoded.note
    parts = {"label": (None, answer.first, None), "scores": (None, answer.scores, list(answer.labels))}
    parts[FIRST] = parts["label"]
    outputs = call.outputs or [RequestedOutput(name, call.binary) for name in images.OUTPUTS]
    return encoded(*encode(model, call, request.id, [(output, [parts[output.name]]) for output in outputs]))


def encode_tensors(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """The outputs of a network, each of its own datatype and shape."""
    call = decoded.note
    return encoded(*encode(model, call, request.id, parts_of(call, decoded.call.outputs, answer.outputs)))


def encoded(content: bytes, json_length: int | None) -> Encoded:
    """json_length: of the JSON before raw tensors; None where all is JSON."""
    return Encoded(content) if json_length is None else Encoded(content, OCTETS, ((LENGTH, str(json_length)),))


def error_body(body: dict[str, Any], _outcome: Outcome) -> dict[str, Any]:
    """V2's `error` is a string that says all; code, details and request_id stand beside it."""
    fault = dict(body["error"])
    return {"error": sentence(fault.pop("message"), fault["details"], fault.get("total")), **fault}


def sentence(message: str, details: list[dict[str, Any]], total: int | None) -> str:
    """The message, with every row, column and input that the details name: V2's clients show nothing but this."""
    cells = [fault for fault in details if not fault.keys().isdisjoint(PLACES)]
    if len(cells) < 2:
        return message
    more = (total or len(cells)) - len(cells)
    return "; ".join(map(cell_sentence, cells)) + (f"; and {more} more" if more > 0 else "")


def cell_sentence(fault: dict[str, Any]) -> str:
    shown = {key: orjson.dumps(fault[key]).decode() for key in PLACES if key in fault}
    where = ", ".join(f"{key} {value}" for key, value in shown.items())
    return f"{where}: expected {fault['expected']}, got {fault['got']}"


ADAPTERS = {
    PREDICT_TABLE: Adapter(decode_table, encode_table, media_types=(OCTETS,)),
    GENERATE_TEXT: Adapter(decode_text, encode_text, media_types=(OCTETS,)),
    EMBED_TEXT: Adapter(decode_embedding, encode_embedding, media_types=(OCTETS,)),
    CLASSIFY_IMAGE: Adapter(decode_images, encode_images, media_types=(OCTETS,)),
    RUN_TENSORS: Adapter(decode_tensors, encode_tensors, media_types=(OCTETS,)),
    **{
        capability: Adapter(partial(decode_asked, asked), partial(encode_asked, asked), media_types=(OCTETS,))
        for capability, asked in ASKED.items()
    },
}
