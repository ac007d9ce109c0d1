"""Frames between a worker and the engine process: a JSON object, and bytes for what would be long as JSON.

    send(sock, {"do": "generate", "id": 7, ...}, ids.tobytes())
    for message, attached in frames(sock): ...              # until the other side has closed

A frame is two lengths (unsigned, 32 bits, big-endian), then the JSON, then the attached bytes. Both sides run as the
same user, and the socket is in a folder of that user alone; still nothing here executes what it reads. A worker says
{"protocol": PROTOCOL} first, then any of:

    {"do": "open", "handle", "model", "version", "proven"}        answered by opened {"handle", "capacity", "proven"}
    {"do": "proven", "handle"}, {"do": "close", "handle"}
    {"do": "generate", "id", "handle", "params", "eos_ids", "grammar"} + the prompt's ids, int32    by started {"id"}
    {"do": "encode", "id", "handle", "lengths", "typed", "seconds"} + rows    by encoded {"id", "shape"} + float32
    {"do": "cancel", "id"}

Rows are as rows_value writes them. "refused" {"handle" or "id", "error"} is the other answer. What has started reports
{"say": "progress", "items": [[id, token, logprobs], ..., [id, null, error]]}: an item whose token is null ends its
sequence. The worker chooses handle and id.
"""

from __future__ import annotations

import math
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import orjson

from ... import errors
from ...errors import ServiceError, StartupError
from ...generation.encoders.work import Row
from ...generation.params import SamplingParams
from ...generation.sampling import TokenLogprobs

__all__ = [
    "PROTOCOL",
    "ProtocolError",
    "error_from",
    "error_value",
    "frames",
    "logprobs_from",
    "params_from",
    "params_value",
    "rows_from",
    "rows_value",
    "send",
]

PROTOCOL = 3
LENGTHS = struct.Struct(">II")
LARGEST = 2**28  # bytes of a frame; a prompt of a million tokens has 2**22


class ProtocolError(Exception):
    """The other side sends what this one does not understand."""


def send(sock: socket.socket, message: dict[str, Any], attached: bytes = b"") -> None:
    """Send one frame, whole. Raises OSError."""
    body = orjson.dumps(message)
    sock.sendall(b"".join((LENGTHS.pack(len(body), len(attached)), body, attached)))


def frames(sock: socket.socket) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Receive frames until the other side closes. Raises OSError, or ProtocolError for what is no frame."""
    with sock.makefile("rb") as stream:
        while len(head := stream.read(LENGTHS.size)) == LENGTHS.size:
            size, more = LENGTHS.unpack(head)
            if size + more > LARGEST:
                raise ProtocolError(f"a frame of {size + more} bytes")
            body, attached = stream.read(size), stream.read(more)
            if len(body) + len(attached) < size + more:
                return  # it closed, or ended, in the middle of a frame
            try:
                message = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise ProtocolError(str(error)) from None
            yield message, attached


def error_value(error: Exception) -> dict[str, Any]:
    """An error of the tree as plain values; of any other, its class and text as a StartupError."""
    if isinstance(error, ServiceError):
        return {
            "class": type(error).__name__,
            "message": error.message,
            "details": error.details,
            "total": error.total,
            "retry_after": error.retry_after,
        }
    if isinstance(error, StartupError):
        return {"class": type(error).__name__, "message": str(error)}
    return {"class": "StartupError", "message": f"{type(error).__name__}: {errors.in_a_line(error)}"}


def error_from(value: dict[str, Any]) -> Exception:
    """What `error_value` was given. Raises ProtocolError for an error that this side does not know."""
    kind = getattr(errors, value["class"], None)
    if not (isinstance(kind, type) and issubclass(kind, ServiceError | StartupError)):
        raise ProtocolError(f"an error of class {value['class']!r}")
    if issubclass(kind, StartupError):
        return kind(value["message"])
    return kind(value["message"], details=value["details"], total=value["total"], retry_after=value["retry_after"])


def params_value(params: SamplingParams) -> dict[str, Any]:
    """What the engine has to know of SamplingParams: stop strings and the constraint are the worker's to follow."""
    values = {field.name: getattr(params, field.name) for field in fields(params)}
    bias = params.logit_bias
    return {**values, "stop": (), "constraint": None, "logit_bias": None if bias is None else list(bias.items())}


def params_from(values: dict[str, Any]) -> SamplingParams:
    bias = values["logit_bias"]
    ids = tuple(values["stop_token_ids"])
    return SamplingParams(
        **{**values, "stop": (), "stop_token_ids": ids, "logit_bias": None if bias is None else dict(bias)}
    )


def logprobs_from(value: list[Any]) -> TokenLogprobs:
    """A TokenLogprobs from its JSON, which has null for minus infinity."""
    token, logprob, top = value
    return TokenLogprobs(token, finite(logprob), [(each, finite(number)) for each, number in top])


def rows_value(rows: Sequence[Row]) -> tuple[list[int], bool, bytes]:
    """(tokens of each row, whether any has types, ids of all rows as int32 and behind them, where any has, types)."""
    typed = any(row.types is not None for row in rows)
    types = [np.zeros(len(row.ids), np.uint8) if row.types is None else row.types for row in rows] if typed else ()
    return [len(row.ids) for row in rows], typed, b"".join([*(row.ids.tobytes() for row in rows), *map(bytes, types)])


def rows_from(lengths: Sequence[int], typed: bool, attached: bytes) -> list[Row]:
    """What `rows_value` was given. Raises ProtocolError where the bytes are not so long."""
    total = sum(lengths)
    if len(attached) != total * (5 if typed else 4) or min(lengths, default=0) < 1:
        raise ProtocolError(f"{len(attached)} bytes for texts of {total} tokens")
    ends = np.cumsum(lengths)[:-1]
    ids = np.split(np.frombuffer(attached, np.int32, total), ends)
    if not typed:
        return list(map(Row, ids))
    return list(map(Row, ids, np.split(np.frombuffer(attached, np.uint8, total, 4 * total), ends)))


def finite(logprob: float | None) -> float:
    return -math.inf if logprob is None else logprob
