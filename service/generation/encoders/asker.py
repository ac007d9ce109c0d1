"""Whether anybody still waits for what this thread asks an encoder's engine: clients hang up.

    with asked_by(context.gone):
        model.run(call)             # ends with DeadlineExceeded soon after the client has gone

A call says nothing of connections, and a table's call passes through much that would only hand them on; so it is kept
beside the call, for the thread that makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TypeVar

from ...errors import DeadlineExceeded

__all__ = ["asked_by", "awaited", "expired"]

CHECK_SECONDS = 0.1  # between two looks whether the client is there
GONE: ContextVar[Callable[[], bool]] = ContextVar("gone", default=lambda: False)
T = TypeVar("T")


@contextmanager
def asked_by(gone: Callable[[], bool]) -> Iterator[None]:
    """gone: whether nobody waits any more for what this thread asks while this lasts."""
    token = GONE.set(gone)
    try:
        yield
    finally:
        GONE.reset(token)


def awaited(attempt: Callable[[float], T | None], deadline: float | None) -> T:
    """The first of an attempt's results that is not None. attempt: waits for so many seconds at most.

    deadline: a `perf_counter()` moment, or None. Raises DeadlineExceeded after it, or when the client has gone.
    """
    gone = GONE.get()
    while True:
        left = CHECK_SECONDS if deadline is None else min(CHECK_SECONDS, deadline - perf_counter())
        found = attempt(max(0.0, left))
        if found is not None:
            return found
        if deadline is not None and perf_counter() >= deadline:
            raise expired()
        if gone():
            raise DeadlineExceeded("the client hung up before all of the request's texts were read")


def expired() -> DeadlineExceeded:
    return DeadlineExceeded("the request's deadline passed before all of its texts were read")
