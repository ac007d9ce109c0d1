"""Calls: what each method of the client does, written once, as a generator that does no I/O itself.

    def is_live(client: BaseClient) -> Call[bool]:
        answer = yield Request("GET", "/health/live", client.timeout)
        return answer.status_code == 200

Client and AsyncClient drive a call: they send each Request that it yields, sleep for each Pause, and give the call the
answer, or raise in it the DaylightError that they got instead. What the call returns is what the method returns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar, Union

from .rows import dump

__all__ = ["Answer", "Body", "Call", "Pause", "Request", "Timeout", "method_signature"]


class Timeout(NamedTuple):
    """Seconds to wait: for a connection, and for the next bytes of an answer. None waits forever."""

    connect: float | None = 3.05  # a little over 3, so that TCP can send its first packet again
    read: float | None = 60.0

    def within(self, seconds: float) -> Timeout:
        """A Timeout whose parts are at most so many seconds."""
        return Timeout(*(seconds if limit is None else min(limit, seconds) for limit in self))


class Body(NamedTuple):
    """The body of a POST. query: the query string of its URL, or "". headers: besides Content-Type."""

    content: bytes
    media_type: str = "application/json"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, value: Any) -> Body:
        return cls(dump(value))


class Request(NamedTuple):
    """One try of a request. path: with its query. stream: the body of the answer is not read.

    timeout: of this try. seconds_left: until the deadline of the whole call, if it has one.
    """

    method: str
    path: str
    timeout: Timeout
    content: bytes | None = None
    headers: Mapping[str, str] = {}
    stream: bool = False
    seconds_left: float | None = None


class Pause(NamedTuple):
    """Nothing happens for so many seconds."""

    seconds: float


class Answer(Protocol):
    """What a call reads of an answer, which has a status of 2xx: what requests and httpx2 have in common."""

    @property
    def status_code(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def content(self) -> bytes: ...


Returned = TypeVar("Returned")
Call = Generator[Union[Request, Pause], Any, Returned]


def method_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature of the method that runs a call: it returns what the call returns."""
    signature = inspect.signature(call)
    returned = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
    return signature.replace(return_annotation=returned)
