"""What a dialect says of one capability: how its bodies become a call, and how the answer becomes a body.

    adapter = v1.ADAPTERS[PREDICT_TABLE]
    decoded = adapter.decode(Request(b'{"instances": [[1, 2]]}'), model)
    adapter.encode(model, request, decoded, answer).content

A dialect is a module with four names: NAME, in the OpenAPI document; ADAPTERS, {Capability: Adapter};
`error_body(body, outcome)`, which reshapes errors.error_body into the protocol's own form (outcomes.py has the statuses
and the words); and PREFIX: paths that begin so and are no route have its errors, too ("": none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from .json_body import JSON, parse

__all__ = ["Adapter", "Decoded", "Encoded", "Request", "by_capability"]

UNREAD = object()
T = TypeVar("T")


@dataclass(slots=True)
class Request:
    """A request as a dialect sees it.

    content: the body's bytes, decompressed. media_type: what they are announced as. accepted: the media types of the
    answer that the client takes, best first. query: of the URL. json_length: V2's Inference-Header-Content-Length,
    None without one. id: of the request. max_rows, max_bytes: what a table in it may hold once it is unpacked.
    content_type: the whole header that announces the body.
    """

    content: bytes
    media_type: str = JSON
    accepted: tuple[str, ...] = (JSON,)
    query: str = ""
    json_length: str | None = None
    id: str = ""
    max_rows: int = 100_000
    max_bytes: int = 2**24
    content_type: str = ""
    _value: Any = UNREAD

    @property
    def json(self) -> Any:
        """The body's JSON value, parsed once. Raises RequestError or PayloadTooLarge."""
        if self._value is UNREAD:
            self._value = parse(self.content, self.max_rows)
        return self._value


class Decoded(NamedTuple):
    """A body, decoded.

    call: a TableCall, a TextCall, or another capability's. note: whatever the dialect's `encode` has to know of the
    request. model: the name of the model where the body names it. stream: whether the answer is streamed.
    timeout: seconds that the body itself allows, None where it says nothing. names: {parameter of the call: its name in
    the body}, where that is another.
    """

    call: Any
    note: Any = None
    model: str | None = None
    stream: bool = False
    timeout: float | None = None
    names: Mapping[str, str] = {}


class Encoded(NamedTuple):
    """The body of an answer, and what its headers say beside the usual ones."""

    content: bytes
    media_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Adapter(NamedTuple):
    """decode(Request, model) -> Decoded; encode(model, Request, Decoded, answer) -> Encoded.

    Both raise RequestError kinds. events(model, Request, Decoded) -> an object that writes the events of a stream
    (see openai.response.Form), where answers may be streamed. media_types: of bodies, besides JSON. answers: media
    types that Accept chooses from; empty where the protocol answers in one form, whatever Accept says.
    """

    decode: Callable[[Request, Any], Decoded]
    encode: Callable[[Any, Request, Decoded, Any], Encoded]
    events: Callable[[Any, Request, Decoded], Any] | None = None
    media_types: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def by_capability(table: dict[str, T], entry: dict[str, Any], default: T) -> T:
    """The table's value for the first capability of a catalogue entry that it names; else the default."""
    return next((table[name] for name in entry["capabilities"] if name in table), default)
