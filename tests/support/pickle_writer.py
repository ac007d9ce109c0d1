"""Pickles written opcode by opcode, as an attacker writes them: nothing that they name is imported to make them.

data = dumps(New("sklearn.svm:SVC", {"kernel": Name("numpy:save")}))
"""

import pickle
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Call", "Name", "New", "dumps", "partial"]


@dataclass(frozen=True)
class Name:
    """An import: "module:qualified.name"."""

    path: str

    @property
    def dotted(self):
        return self.path.replace(":", ".")


@dataclass(frozen=True)
class Call:
    """What a function or class returns, called by REDUCE with these arguments; then given a state, if there is one."""

    function: Any
    arguments: tuple = ()
    state: Any = None


@dataclass(frozen=True)
class New:
    """An object of a class, made by NEWOBJ without arguments, and given this state by BUILD."""

    path: str
    state: Any = field(default_factory=dict)


def partial(function, *arguments, **options):
    """A functools.partial as pickle writes it."""
    made = Call(Name("functools:partial"), (function,))
    return Call(made.function, made.arguments, (function, arguments, options, None))


def dumps(value):
    """The pickle of protocol 4 that makes this value."""
    return b"\x80\x04" + encoded(value) + b"."


def encoded(value):
    if isinstance(value, Name):
        module, name = value.path.split(":")
        return encoded(module) + encoded(name) + pickle.STACK_GLOBAL
    if isinstance(value, Call):
        made = encoded(value.function) + encoded(value.arguments) + pickle.REDUCE
        return made if value.state is None else made + encoded(value.state) + pickle.BUILD
    if isinstance(value, New):
        return encoded(Name(value.path)) + pickle.EMPTY_TUPLE + pickle.NEWOBJ + encoded(value.state) + pickle.BUILD
    if isinstance(value, tuple):
        return pickle.MARK + b"".join(map(encoded, value)) + pickle.TUPLE
    if isinstance(value, list):
        return pickle.EMPTY_LIST + pickle.MARK + b"".join(map(encoded, value)) + pickle.APPENDS
    if isinstance(value, dict):
        items = b"".join(encoded(key) + encoded(item) for key, item in value.items())
        return pickle.EMPTY_DICT + pickle.MARK + items + pickle.SETITEMS
    return pickle.dumps(value, protocol=2)[2:-1]  # a plain value, without its frame
