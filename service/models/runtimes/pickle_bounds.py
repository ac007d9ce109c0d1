"""Bounds on what a pickle may nest and count: a few bytes can ask for more work than a machine ever does.

    class Gate(Bounded): ...        # raises TooMuch instead

Python computes the hash of a tuple from all that is inside it, every time, by recursion: a tuple that holds itself
twice, forty times over, never ends as the key of a dict, and one that is nested a hundred thousand deep ends the
process. Lists that hold each other twice do the same to whatever walks or prints them.
"""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

from joblib.numpy_pickle import NumpyUnpickler

__all__ = ["Bounded", "TooMuch", "check_count", "check_name", "check_spread"]

DEPTH = 100  # of collections inside each other
NESTED = 100_000  # values inside inner collections, each as often as it comes
COUNT = 10_000_000  # of a range, or of the zeros of bytes
LONGEST_NAME = 300  # characters
COLLECTIONS = (list, tuple, dict, set, frozenset)
TUPLES = (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)


class TooMuch(pickle.UnpicklingError):
    """The file asks for more than a model needs."""


def measured(opcode: bytes) -> Any:
    """The reader of an opcode that makes tuples, with what it has made measured."""
    read = NumpyUnpickler.dispatch[opcode[0]]

    def load(unpickler: Any) -> None:
        read(unpickler)
        unpickler.measure()

    return load


class Bounded(NumpyUnpickler):
    """joblib's unpickler, with every tuple measured as it is made."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tuples: dict[int, tuple[tuple, int, int]] = {}  # id -> (the tuple, its depth, values inside it)

    def measure(self) -> None:
        """Raise TooMuch where the value on the top of the stack is a tuple beyond the bounds."""
        made = self.stack[-1]
        if not isinstance(made, tuple):
            return
        depth, nested = 1, 0
        for item in made:
            if isinstance(item, tuple):
                _, below, values = self._tuples.get(id(item), (item, 1, len(item)))
                depth, nested = max(depth, below + 1), nested + values
        if depth > DEPTH or nested > NESTED:
            raise TooMuch(f"it nests tuples {depth} deep, with {nested} values inside")
        if depth > 1:
            self._tuples[id(made)] = made, depth, nested + len(made)

    dispatch: ClassVar = NumpyUnpickler.dispatch | {opcode[0]: measured(opcode) for opcode in TUPLES}


def check_name(name: str) -> None:
    """Raise TooMuch where a dotted name is none that Python could import."""
    if len(name) > LONGEST_NAME or not all(part.isidentifier() for part in name.split(".")):
        raise TooMuch(f"it imports {name!a:.80}, which is no name of Python")


def check_count(called: Any, arguments: Any) -> None:
    """Raise TooMuch where a call makes a range, or bytes of zeros, that no model needs."""
    if called in (range, bytes, bytearray):
        for argument in arguments:
            if isinstance(argument, int) and abs(argument) > COUNT:
                raise TooMuch(f"it makes {called.__name__} that count beyond {COUNT:,}")


def check_spread(value: Any) -> None:
    """Raise TooMuch where the collections inside a value hold each other so often that walking it would not end."""
    sizes: dict[int, int] = {}
    kept = 0  # values of all collections, each collection once

    def spread(one: Any, depth: int) -> int:
        nonlocal kept
        if id(one) in sizes:
            return sizes[id(one)]
        if depth > DEPTH:
            raise TooMuch(f"it nests collections more than {DEPTH} deep, or one inside itself")
        items = one.values() if isinstance(one, dict) else one
        kept += len(one)
        sizes[id(one)] = len(one) + sum(spread(item, depth + 1) for item in items if isinstance(item, COLLECTIONS))
        return sizes[id(one)]

    if isinstance(value, COLLECTIONS) and spread(value, 1) - kept > NESTED:
        raise TooMuch("it holds collections inside each other again and again")
