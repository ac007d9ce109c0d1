"""What a pickle would import, and which scikit-learn made it, read without opening it.

    found = contents(open("classifier.pkl", "rb"))
    found.imports          # frozenset({"sklearn.svm._classes.SVC", "numpy.dtype", ...})
    found.sklearn          # "1.5.2"

The file is read by a machine whose every import gives an inert stand-in: nothing of the
file is imported, made or called. Arrays are skipped, so memory is that of the largest single item.
"""

import pickle
import re
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from joblib.numpy_pickle import NumpyUnpickler

from ..models.runtimes.pickles import OPENING, decompressed, modern, refusal, within

__all__ = ["Contents", "contents", "imports"]

LARGE = 2**16  # bytes; no name is so long, and data is of no interest
SIZED = (
    *(pickle.BINBYTES, pickle.BINBYTES8, pickle.BYTEARRAY8),
    *(pickle.STRING, pickle.BINSTRING, pickle.UNICODE, pickle.BINUNICODE, pickle.BINUNICODE8),
)
SKIPPED = 2**20  # bytes of an array read at a time
ARRAY = "joblib.numpy_pickle.NumpyArrayWrapper"
DTYPE = "numpy.dtype"
CODE = re.compile(r"[A-Za-z]\d*")


@dataclass(frozen=True)
class Contents:
    """`imports`: the dotted names the file would import; `calls`: those it would call. `sklearn`: a version or None."""

    imports: frozenset
    calls: frozenset
    sklearn: str | None

    def refused(self, trusted=()):
        """{dotted name: why it is not known to be safe}, sorted."""
        reasons = {name: refusal(name, trusted, called=name in self.calls) for name in sorted(self.imports)}
        return {name: reason for name, reason in reasons.items() if reason}


def imports(file):
    """The dotted names that opening this .pkl or .joblib file would import. Raises ValueError where it is no pickle."""
    return contents(file).imports


def contents(file):
    """Read an open .pkl or .joblib file, compressed or not -> Contents. Raises ValueError where it is no pickle."""
    found = Found()
    try:
        with decompressed(file) as stream:
            Machine(stream, found).load()
    except Exception as error:  # whatever a broken or hostile file makes the machine raise
        raise ValueError(f"not a pickle that can be read: {type(error).__name__}: {error}") from None
    return Contents(frozenset(found.imports), frozenset(found.calls), found.sklearn)


class Found:
    def __init__(self):
        self.imports, self.calls, self.sklearn = set(), set(), None


class Inert:
    """Stands for anything the file imports or would make; whatever is done to it, nothing happens."""

    def __init__(self, name="", arguments=(), made_by=""):
        self.name = name
        self.arguments = arguments
        self.made_by = made_by
        self.state = None

    def __setitem__(self, key, value):
        pass

    def append(self, value):
        pass

    extend = append
    add = append


def dropping(opcode):
    """What reads a text or bytes, changed to keep nothing that is large."""
    read = NumpyUnpickler.dispatch[opcode[0]]

    def load(machine):
        read(machine)
        if len(machine.stack[-1]) > LARGE:
            machine.stack[-1] = Inert()

    return load


class Machine(NumpyUnpickler):
    """joblib's unpickler with every opcode that imports, makes or calls replaced."""

    def __init__(self, file, found):
        super().__init__("", file, ensure_native_byte_order=False)
        self.found = found

    def find_class(self, module, name):
        name = ".".join(modern(module, name, self.proto))
        self.found.imports.add(name)
        return Inert(name)

    def get_extension(self, code):
        raise pickle.UnpicklingError(f"it names an import by the number {code} alone")

    def _call(self, called, arguments):
        if not isinstance(called, Inert) or not isinstance(arguments, tuple | list):
            raise pickle.UnpicklingError("it calls what it did not import")
        # What opens files may also be handed to a function that makes it, such as copyreg._reconstructor.
        handed = {one.name for one in arguments if isinstance(one, Inert) and within(one.name, OPENING)}
        self.found.calls |= {called.name} | handed
        made_by = called.name
        if made_by == "copyreg._reconstructor" and arguments and isinstance(arguments[0], Inert):
            made_by = arguments[0].name
        return Inert(arguments=tuple(arguments) if made_by == DTYPE else (), made_by=made_by)

    def load_reduce(self):
        arguments, called = self.stack.pop(), self.stack.pop()
        self.append(self._call(called, arguments))

    def load_newobj_ex(self):
        self.stack.pop()
        self.load_reduce()

    def _instantiate(self, klass, args):  # what the opcodes INST and OBJ come to
        self.append(self._call(klass, args))

    def load_build(self):
        state, built = self.stack.pop(), self.stack[-1]
        if isinstance(state, dict) and isinstance(state.get("_sklearn_version"), str):
            self.found.sklearn = state["_sklearn_version"]
        if not isinstance(built, Inert):
            return
        if built.made_by == ARRAY and isinstance(state, dict):
            self._skip_array(state)
        elif built.made_by == DTYPE:
            built.state = state

    def _skip_array(self, state):
        """joblib writes an array's bytes into the file right here, or a pickle of its own where it holds objects."""
        size, has_objects = width(state["dtype"])
        if has_objects:
            Machine(self.file_handle, self.found).load()
            return
        left = size * prod(state["shape"])
        if state.get("numpy_array_alignment_bytes") is not None:
            left += self.file_handle.read(1)[0]
        while left > 0:
            skipped = len(self.file_handle.read(min(left, SKIPPED)))
            if not skipped:
                raise EOFError("it ends within an array")
            left -= skipped

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it refers to objects outside itself")

    dispatch: ClassVar = NumpyUnpickler.dispatch | {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_reduce,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        **{opcode[0]: dropping(opcode) for opcode in SIZED},
    }


def width(dtype):
    """(bytes of one element, whether it holds objects) of the stand-in of a numpy.dtype."""
    code = dtype.arguments[0]
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise ValueError(f"{code!r:.80} is no dtype")
    state = dtype.state if isinstance(dtype.state, tuple) else ()
    fields = state[4] if len(state) > 4 and isinstance(state[4], dict) else {}
    inner = [field[0] for field in fields.values()]
    if len(state) > 2 and isinstance(state[2], tuple):  # an array within each element
        inner.append(state[2][0])
    return np.dtype(code).itemsize, code[0] == "O" or any(width(one)[1] for one in inner)
