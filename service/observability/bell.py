"""Wakes one thread from many, for next to nothing where it is awake.

    bell = Bell()
    bell.ring()                 # on the way of a request, after something was added to what waits
    bell.wait()                 # the thread: until it rings; True, and what rings from now on counts anew

A bare lock: a look at it costs a request a fraction of what threading.Event's condition does.
"""

from __future__ import annotations

import threading
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """For any number of threads that ring, and one that waits."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()  # released by whoever rings, taken by the thread that waits
        self._lock.acquire()

    def ring(self) -> None:
        if self._lock.locked():
            with suppress(RuntimeError):  # another thread was quicker
                self._lock.release()

    def wait(self, seconds: float = -1) -> bool:
        """Whether it rang within so many seconds; without them, it waits for as long as it takes."""
        return self._lock.acquire(timeout=seconds)
