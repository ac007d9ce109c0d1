"""Estimators that fail in the ways that real ones do, when a row asks for it; the server under test imports them.

Each takes one number column and answers it back; a row of more than 0 sets it off.
"""

import os
import sys
import threading
from typing import ClassVar

from service.packing import pack
from tests.support.estimators import Identity, sample

__all__ = ["FAULTS", "Exits", "ExitsByException", "Hangs", "Leaks", "Raises", "store_of"]

LEAK = 4 * 2**20  # bytes a request


class Hangs(Identity):
    """Never comes back, as a deadlock in a library does not."""

    def predict(self, X):
        if X.max() > 0:
            threading.Event().wait()
        return super().predict(X)


class Leaks(Identity):
    """Keeps memory with every request."""

    kept: ClassVar = []  # a pickle would carry an instance's

    def predict(self, X):
        if X.max() > 0:
            self.kept.append(b"x" * LEAK)
        return super().predict(X)


class Raises(Identity):
    def predict(self, X):
        if X.max() > 0:
            raise ZeroDivisionError("what the rows hold must not be told: 12345")
        return super().predict(X)


class Exits(Identity):
    """Ends the process with the code that its row says, past everything Python could do about it."""

    def predict(self, X):
        if X.max() > 0:
            os._exit(int(X.max()))
        return super().predict(X)


class ExitsByException(Identity):
    """The same by sys.exit, as libraries do that think they are a command line."""

    def predict(self, X):
        if X.max() > 0:
            sys.exit(int(X.max()))
        return super().predict(X)


FAULTS = {"hangs": Hangs, "leaks": Leaks, "raises": Raises, "exits": Exits, "exception": ExitsByException}


def store_of(folder, *names):
    """A store of these faults, by the names they have in FAULTS."""
    for name in names:
        pack(FAULTS[name]().fit(*sample()), *sample(), name=name, store=folder)
    return folder
