"""Networks in V1: TensorFlow Serving's two forms, and one array of numpy.

    {"inputs": {"image": [[...]]}}         -> {"outputs": [[...]], ...}
    {"instances": [[...], [...]]}          -> {"predictions": [[...], [...]], ...}

Several outputs are objects by name; "outputs" beside the tensors chooses some of them.
"""

from __future__ import annotations

from typing import Any

from ...errors import NotAcceptable
from ..adapter import Decoded, Encoded, Request
from ..json_body import JSON, dump
from ..output_options import from_query
from ..table_formats import NPY
from ..tensor_calls import FORMS, by_row, call_of, from_npy, to_npy, whole

__all__ = ["decode_tensors", "encode_tensors"]


def decode_tensors(request: Request, _model: Any) -> Decoded:
    """JSON, or one array of numpy with its outputs in the query -> a TensorCall. Raises RequestError kinds."""
    if request.media_type == NPY:
        outputs, _ = from_query(request.query)
        return Decoded(call_of("inputs", from_npy(request.content), outputs))
    from .envelopes import TENSORS, load

    envelope = load(TENSORS, request.json)
    form = next(form for form in FORMS if form in envelope)
    return Decoded(call_of(form, envelope[form], envelope.get("outputs")))


def encode_tensors(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """The outputs in the first of the accepted formats that can hold them. Raises NotAcceptable."""
    for media_type in request.accepted:
        if media_type == JSON:
            named = {"model_name": model.name, "model_version": model.version}
            if decoded.call.by_row:
                return Encoded(dump({"predictions": by_row(answer.outputs), **named}))
            return Encoded(dump({"outputs": whole(answer.outputs), **named}))
        content = to_npy(answer.outputs)
        if content is not None:
            return Encoded(content, NPY)
    raise NotAcceptable(f"{NPY} holds one output; choose one of {', '.join(answer.outputs)}, or take {JSON}")
