"""Loading and letting go of models in a process that answers requests meanwhile.

with short_switch_interval():
    model = load()                  # those that answer get their turn sooner than usual
replaced.add([old_model])
replaced.let_go()                   # now and then: memory of those that are gone returns to the system
"""

import ctypes
import sys
import weakref
from contextlib import contextmanager, suppress

__all__ = ["RetiredModels", "short_switch_interval"]


@contextmanager
def short_switch_interval():
    """While this thread loads, those that answer requests get their turn in a tenth of Python's usual five ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class RetiredModels:
    """Models that serve no new request. Nothing here keeps them alive: their last request does."""

    def __init__(self):
        self._models = []

    def add(self, models):
        self._models += map(weakref.ref, models)

    def living(self):
        """Those that are still answering."""
        return [model for model in (one() for one in self._models) if model is not None]

    def let_go(self):
        left = [one for one in self._models if one() is not None]
        if len(left) < len(self._models):
            with suppress(OSError, AttributeError):  # only glibc keeps freed memory, and only it has this
                ctypes.CDLL(None).malloc_trim(0)
        self._models = left
