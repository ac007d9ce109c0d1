"""Open a pickle without letting it reach beyond what is known to be harmless.

    estimator = load(file)                          # Refused: os.system is not known to be safe ...
    estimator = load(file, trusted=["mymodule"])    # and everything in mymodule besides

What a file imports, calls, keeps and sets is checked against the lists of safe_names before it happens; nothing
else is imported at all. Open no file whose maker you do not know, all the same.
"""

import pickle
import re
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
from joblib.numpy_pickle import NumpyArrayWrapper
from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap
from sklearn.exceptions import InconsistentVersionWarning

from .native_states import native_refusal
from .pickle_bounds import Bounded, check_count, check_name, check_spread
from .pickle_rules import bound_refusal, constructor_refusal, home, refusal, state_refusal, within
from .safe_names import GETATTR

__all__ = ["Refused", "decompressed", "load", "modern"]

# scikit-learn 1.5 to 1.8 gave the module of its losses a name without the package.
LOSSES = "_loss", "sklearn._loss._loss", re.compile(r"(__pyx_unpickle_)?Cy[A-Z]\w+")


class Refused(pickle.UnpicklingError):
    """The file reaches for something that is neither known to be harmless nor trusted."""


class Gate(Bounded):
    """joblib's unpickler, checking every import and every call first."""

    def __init__(self, file, trusted):
        super().__init__("", file, ensure_native_byte_order=True)
        self.fix_imports = False  # find_class does it with modern(), before it checks the name
        self.trusted = tuple(trusted)
        self._imported = {}  # id -> (what find_class gave, what it found, its name); the entry keeps the id unique
        self._made = {}  # id -> (what a call of a trusted name gave, that name); it may be called as well
        self._callable = set()

    def find_class(self, module, name):
        module, name = modern(module, name, self.proto)
        qualified = f"{module}.{name}"
        check_name(qualified)
        if qualified == GETATTR and not within(GETATTR, self.trusted):
            return ATTRIBUTE
        refuse(refusal(qualified, self.trusted, value=None))  # by its name alone: nothing unknown is imported
        return self.checked(qualified, super().find_class(module, name))

    def checked(self, qualified, value):
        """What the file gets for this value, which its name stands for."""
        refuse(refusal(qualified, self.trusted, value=value))
        given = STAND_INS.get(value, value) if isinstance(value, type) else value
        self._imported[id(given)] = given, value, qualified
        return given

    def get_extension(self, code):
        raise Refused(f"it names an import by the number {code} alone")

    def check_call(self, called, arguments=()):
        if id(called) in self._made:
            return
        given, value, name = self._imported.get(id(called), (None, None, ""))
        if given is not called:
            raise Refused(f"it calls a {type(called).__name__}, which is no class or function it imports")
        check_count(value, arguments)
        check_spread(arguments)
        if arguments and not within(name, self.trusted):
            refuse(constructor_refusal(home(value) or name))
        if id(called) not in self._callable:
            refuse(refusal(name, self.trusted, called=True, value=value))
            self._callable.add(id(called))

    def attribute(self, owner, name):
        """getattr(owner, name): of an imported class as an import, of another object one of the known methods."""
        given, value, qualified = self._imported.get(id(owner), (None, None, ""))
        if given is owner and isinstance(value, type):
            return self.checked(f"{qualified}.{name}", getattr(value, name))
        place = home(type(owner)) or ""
        qualified = f"{place}.{name}"
        if not within(qualified, self.trusted):
            refuse(bound_refusal(place, name))
        method = getattr(owner, name)
        self._imported[id(method)] = method, method, qualified
        return method

    def load_reduce(self):
        called, arguments = self.stack[-2:]
        if called is ATTRIBUTE:
            self.stack[-2:] = [self.attribute(*arguments)]
            return
        self.check_call(called, arguments)
        for argument in arguments:
            refuse_getattr(argument)
            if isinstance(argument, type):
                self.check_call(argument)
        super().load_reduce()
        self._keep_trusted(called)
        self.measure()

    def _keep_trusted(self, called):
        """Whoever trusts what makes functions and classes, as cloudpickle's and dill's files do, trusts these, too."""
        *_, name = self._imported.get(id(called)) or self._made.get(id(called)) or ("",)
        made = self.stack[-1]
        if callable(made) and id(made) not in self._imported and within(name, self.trusted):
            self._made[id(made)] = made, name

    def load_newobj(self):
        self.check_call(self.stack[-2])
        super().load_newobj()
        self.measure()

    def load_newobj_ex(self):
        self.check_call(self.stack[-3])
        super().load_newobj_ex()
        self.measure()

    def _instantiate(self, klass, args):  # what the opcodes INST and OBJ come to
        self.check_call(klass, args)
        super()._instantiate(klass, args)
        self.measure()

    def load_build(self):
        built, state = self.stack[-2:]
        refuse_getattr(built)
        if id(built) in self._imported:
            raise Refused(f"it changes {self._imported[id(built)][2]}")
        for value in state.values() if isinstance(state, dict) else ():
            refuse_getattr(value)
        check_spread(state)
        name = home(type(built)) or ""
        if not within(name, self.trusted):
            refuse(state_refusal(name, state))
        refuse(native_refusal(built, state))
        super().load_build()

    dispatch: ClassVar = Bounded.dispatch | {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
    }


class Attribute:
    """Stands for getattr: the gate follows a call of it, and it can do nothing else."""


ATTRIBUTE = Attribute()


def refuse_getattr(value):
    if value is ATTRIBUTE:
        refuse(f"{GETATTR} is a function that is not known to be safe in a model")


class PlainArray(np.ndarray):
    """Stands for numpy.memmap, which a stored array may have been."""


class Wrapper(NumpyArrayWrapper):
    """joblib's place-holder of an array; arrays of objects are pickles of their own, and pass the gate as well."""

    def read_array(self, unpickler, ensure_native_byte_order):
        if self.dtype.hasobject:
            return Gate(unpickler.file_handle, unpickler.trusted).load()
        return super().read_array(unpickler, ensure_native_byte_order)


STAND_INS = {NumpyArrayWrapper: Wrapper, np.memmap: PlainArray}


def modern(module, name, protocol):
    """The current (module, name) of an import: protocols below 3 write the names of Python 2."""
    before, now, names = LOSSES
    if module == before and names.fullmatch(name):
        return now, name
    if protocol < 3:
        if (module, name) in NAME_MAPPING:
            return NAME_MAPPING[module, name]
        return IMPORT_MAPPING.get(module, module), name
    return module, name


def refuse(reason):
    if reason:
        raise Refused(reason)


@contextmanager
def decompressed(file):
    """The stream inside an open file that joblib may have compressed; the file is left at its start."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what it warns of is refused
        with _validate_fileobject_and_memmap(file, "", None) as (stream, _):
            if isinstance(stream, str):
                raise Refused("it was written by a joblib older than 0.10")
            yield stream
    file.seek(0)


def load(file, trusted=()):
    """The object in an open .pkl or .joblib file, compressed or not. `trusted`: dotted names of modules, or in them.

    Raises Refused before anything beyond the known packages and `trusted` is imported or called.
    """
    with decompressed(file) as stream, warnings.catch_warnings():
        # Packing has told which scikit-learn made the file; serving checks which one packed it.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        warnings.simplefilter("ignore", DeprecationWarning)  # of the names in files of earlier releases
        return Gate(stream, trusted).load()
