"""What a pickle would import, and which scikit-learn made it, read without opening it.

    listed = contents(open("classifier.pkl", "rb"))
    listed.imports         # frozenset({"sklearn.svm._classes.SVC", "numpy.dtype", ...})
    listed.sklearn         # "1.5.2"

The file is read by an unpickler whose every import gives an inert stand-in: no name of the file is imported, and no
object of it is made or called. Arrays are skipped, so memory is that of the largest single item.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import IO, Any, ClassVar

import numpy as np
from joblib.numpy_pickle import NumpyUnpickler

from ..errors import in_a_line
from ..models.runtimes.pickle_bounds import Bounded, check_name
from ..models.runtimes.pickle_rules import bound_refusal, constructor_refusal, refusal, state_refusal, within
from ..models.runtimes.pickles import decompressed, modern
from ..models.runtimes.safe_names import GETATTR, MEMMAP

__all__ = ["Contents", "contents", "imports"]

LARGE = 2**16  # bytes: no name is so long, and data is not needed
SIZED = (
    *(pickle.BINBYTES, pickle.BINBYTES8, pickle.BYTEARRAY8),
    *(pickle.STRING, pickle.BINSTRING, pickle.UNICODE, pickle.BINUNICODE, pickle.BINUNICODE8),
)
SKIPPED = 2**20  # bytes of an array read at a time
ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
DTYPE = "numpy.dtype"
PARTIAL = "functools.partial"
REBUILT = ("copyreg._reconstructor", "copyreg.__newobj__")
CODE = re.compile(r"[A-Za-z]\d*")
VERSION = re.compile(r"[0-9A-Za-z.+-]{1,30}")


@dataclass(frozen=True)
class Contents:
    """imports: the dotted names the file would import. calls: those it would call. holders: {name: the attribute of
    an object that holds it}. faults: {name of a class: why its arguments or its state are refused}. sklearn: the
    version that made the file, or None.
    """

    imports: frozenset[str]
    calls: frozenset[str]
    holders: dict[str, str]
    faults: dict[str, str]
    sklearn: str | None

    def refused(self, trusted: Iterable[str] = ()) -> dict[str, str]:
        """{dotted name: why it is not known to be safe}, sorted."""
        trusted = tuple(trusted)
        reasons = {name: reason for name, reason in self.faults.items() if not within(name, trusted)}
        for name in self.imports:
            if reason := refusal(name, trusted, called=name in self.calls):
                holder = self.holders.get(name)
                held = f"{reason} (held by {holder})" if holder else reason
                reasons[name] = f"{held}; {reasons[name]}" if name in reasons else held
        return dict(sorted(reasons.items()))


def imports(file: IO[bytes]) -> frozenset[str]:
    """The dotted names that opening this .pkl or .joblib file would import. Raises ValueError if it is no pickle."""
    return contents(file).imports


def contents(file: IO[bytes]) -> Contents:
    """Read an open .pkl or .joblib file, compressed or not. Raises ValueError if it is no pickle."""
    listed = Listed()
    try:
        with decompressed(file) as stream:
            InertUnpickler(stream, listed).load()
    except Exception as error:  # whatever a broken or hostile file makes the unpickler raise
        raise ValueError(f"not a pickle that can be read: {type(error).__name__}: {in_a_line(error)}") from None
    return Contents(frozenset(listed.imports), frozenset(listed.calls), listed.holders, listed.faults, listed.sklearn)


class Listed:
    """What was read so far."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.calls: set[str] = set()
        self.holders: dict[str, str] = {}
        self.faults: dict[str, str] = {}
        self.sklearn: str | None = None


class Inert:
    """Stands for anything that the file imports or would make; no operation on it has an effect."""

    def __init__(self, name: str = "", arguments: tuple[Any, ...] = (), made_by: str = "") -> None:
        """name: of an import. made_by: the class of an object. arguments: what a dtype or a partial is made of."""
        self.name = name
        self.arguments = arguments
        self.made_by = made_by
        self.state: Any = None

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    extend = append
    add = append


def dropping(opcode: bytes) -> Callable[[Any], None]:
    """The reader of a text or of bytes, changed to keep none that is large."""
    read = NumpyUnpickler.dispatch[opcode[0]]

    def load(unpickler: Any) -> None:
        read(unpickler)
        if len(unpickler.stack[-1]) > LARGE:
            unpickler.stack[-1] = Inert()

    return load


class InertUnpickler(Bounded):
    """joblib's unpickler with every opcode that imports, makes or calls replaced."""

    def __init__(self, file: Any, listed: Listed) -> None:
        super().__init__("", file, ensure_native_byte_order=False)
        self.listed = listed

    def find_class(self, module: str, name: str) -> Inert:
        name = ".".join(modern(module, name, self.proto))
        check_name(name)
        if name != GETATTR:  # a call of it is followed; it is an import where an object holds it
            self.listed.imports.add(name)
        return Inert(name)

    def get_extension(self, code: int) -> None:
        raise pickle.UnpicklingError(f"it names an import by the number {code} alone")

    def _call(self, called: Any, arguments: Any) -> Inert:
        if not isinstance(called, Inert) or not isinstance(arguments, tuple | list):
            raise pickle.UnpicklingError("it calls what it did not import")
        if called.name == GETATTR:
            return self._attribute(*arguments)
        named = {each.name for each in arguments if isinstance(each, Inert)}
        # numpy.memmap may also be an argument of a function that makes it, as copyreg._reconstructor does.
        self.listed.calls |= {called.name} | named.intersection(MEMMAP)
        self.listed.imports |= named & {GETATTR}
        made_by = called.name
        if made_by in REBUILT and arguments and isinstance(arguments[0], Inert):
            made_by = arguments[0].name
        return Inert(arguments=tuple(arguments) if made_by in (DTYPE, PARTIAL) else (), made_by=made_by)

    def _attribute(self, owner: Any, name: str) -> Inert:
        """getattr(owner, name): of an imported class an import, of another object one of the known methods."""
        if not isinstance(owner, Inert) or not isinstance(name, str):
            raise pickle.UnpicklingError("it takes an attribute of what it did not import")
        if owner.name:
            self.listed.imports.add(f"{owner.name}.{name}")
            return Inert(f"{owner.name}.{name}")
        if reason := bound_refusal(owner.made_by, name):
            self.listed.faults[f"{owner.made_by}.{name}"] = reason
        return Inert()

    def load_newobj(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        self.append(self._call(called, arguments))

    def load_reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        self._instantiate(called, arguments)

    def load_newobj_ex(self) -> None:
        self.stack.pop()
        self.load_newobj()

    def _instantiate(self, klass: Any, args: Any) -> None:  # REDUCE, and what the opcodes INST and OBJ come to
        built = self._call(klass, args)
        if args and (reason := constructor_refusal(klass.name)):
            self.listed.faults[klass.name] = reason
        self.append(built)

    def load_build(self) -> None:
        state, built = self.stack.pop(), self.stack[-1]
        made_with = state.get("_sklearn_version") if isinstance(state, dict) else None
        if isinstance(made_with, str) and VERSION.fullmatch(made_with):
            self.listed.sklearn = made_with
        if not isinstance(built, Inert):
            return
        self._note(built, state)
        if built.made_by == ARRAY and isinstance(state, dict):
            self._skip_array(state)
        elif built.made_by in (DTYPE, PARTIAL):
            built.state = state

    def _note(self, built: Inert, state: Any) -> None:
        """Remember which attributes of an object hold imports, and what its state is refused for."""
        if reason := state_refusal(built.made_by, state):
            self.listed.faults[built.made_by] = reason
        owner = built.made_by.rpartition(".")[2] or built.name
        for attribute, value in state.items() if isinstance(state, dict) else ():
            for name in held(value):
                self.listed.holders.setdefault(name, f"{owner}.{attribute}")
                self.listed.imports.add(name)  # getattr, too, where it is held

    def _skip_array(self, state: dict[str, Any]) -> None:
        """joblib writes an array's bytes into the file here, or a pickle of its own where it holds objects."""
        size, has_objects = width(state["dtype"])
        if has_objects:
            InertUnpickler(self.file_handle, self.listed).load()
            return
        left = size * prod(state["shape"])
        if state.get("numpy_array_alignment_bytes") is not None:
            left += self.file_handle.read(1)[0]
        while left > 0:
            skipped = len(self.file_handle.read(min(left, SKIPPED)))
            if not skipped:
                raise EOFError("it ends within an array")
            left -= skipped

    def persistent_load(self, pid: Any) -> None:
        raise pickle.UnpicklingError("it refers to objects outside itself")

    dispatch: ClassVar = Bounded.dispatch | {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        **{opcode[0]: dropping(opcode) for opcode in SIZED},
    }


def held(value: Any, depth: int = 4) -> Iterator[str]:
    """The names of the imports in a value, and in the collections and partials inside it."""
    seen: set[int] = set()
    level: list[Any] = [value]
    for _ in range(depth + 1):
        below: list[Any] = []
        for each in level:
            if id(each) in seen:
                continue
            seen.add(id(each))
            if isinstance(each, Inert):
                if each.name:
                    yield each.name
                below += (*each.arguments, each.state) if each.made_by == PARTIAL else ()
            elif isinstance(each, dict):
                below += each.values()
            elif isinstance(each, list | tuple):
                below += each
        level = below


def width(dtype: Inert) -> tuple[int, bool]:
    """(bytes of one element, whether it holds objects) of the stand-in of a numpy.dtype."""
    codes, seen, waiting = [], set(), [dtype]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        code = each.arguments[0]
        if not isinstance(code, str) or not CODE.fullmatch(code):
            raise ValueError("an array's dtype is none")
        codes.append(code)
        state = each.state if isinstance(each.state, tuple) else ()
        fields = state[4] if len(state) > 4 and isinstance(state[4], dict) else {}
        waiting += [field[0] for field in fields.values()]
        if len(state) > 2 and isinstance(state[2], tuple):  # an array within each element
            waiting.append(state[2][0])
    return np.dtype(codes[0]).itemsize, any(code[0] == "O" for code in codes)
