"""Load and retire models in a process that answers requests meanwhile.

with short_switch_interval():
    model = load()
retired.add([old_model])
retired.release_memory()            # call it periodically
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ...models.memory import release_freed

__all__ = ["RetiredModels", "short_switch_interval"]


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Lower the interpreter's switch interval to a tenth while this thread loads, so that requests are not starved."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class RetiredModels:
    """Models that get no new request, held by weak references: each is freed when its last request ends.

    Any thread may add some: a request that finds its worker's version replaced puts the new one in its place.
    """

    def __init__(self) -> None:
        self._references: list[weakref.ref[Any]] = []
        self._guard = threading.Lock()

    def add(self, models: Iterable[Any]) -> None:
        with self._guard:
            self._references += map(weakref.ref, models)

    def living(self) -> list[Any]:
        """The models that still answer a request."""
        return [model for model in (reference() for reference in self._references) if model is not None]

    def release_memory(self) -> None:
        """Return memory to the system if a retired model has been freed since the last call."""
        with self._guard:
            before = len(self._references)
            self._references = [reference for reference in self._references if reference() is not None]
        if len(self._references) < before:
            release_freed()
