"""Open a pickle without letting it reach beyond what is known to be harmless.

    estimator = load(file)                          # Refused: os.system is not known to be safe ...
    estimator = load(file, trusted=["mymodule"])    # and everything in mymodule besides

Classes of the known packages may be made; of their functions only those that rebuild
objects may be called; nothing else is imported at all. These are packages of many
thousand classes, so this stops accidents and the usual attacks and is no proof: open no
file whose maker you do not know. `.skops` files are the stricter form.
"""

import pickle
import re
import types
import warnings
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar

from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap
from sklearn.exceptions import InconsistentVersionWarning

__all__ = ["OPENING", "Refused", "decompressed", "load", "modern", "refusal", "within"]

# fmt: off
BUILTINS = (
    "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set",
    "slice", "str", "tuple",
)
# fmt: on

PACKAGES = (
    "sklearn",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "xgboost",
    "lightgbm",
    "catboost",
    "imblearn",
    "skrub",
    "feature_engine",
    "category_encoders",
    "datetime",
    "decimal",
    "fractions",
    "uuid.UUID",
    "zoneinfo.ZoneInfo",
    "pytz",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.Counter",
    "collections.deque",
    "functools.partial",
    "operator.itemgetter",
    "copyreg._reconstructor",
    "_codecs.encode",
    "joblib.numpy_pickle.NumpyArrayWrapper",
    *(f"builtins.{name}" for name in BUILTINS),
)

# Inside those packages: what runs text as code, writes or fetches files, loads other pickles, or only tests need.
OUTSIDE = (
    "numpy.DataSource",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.fromfile",
    "numpy.lib._datasource",
    "numpy.lib._npyio_impl",
    "numpy.lib._utils_impl",
    "numpy.lib.npyio",
    "numpy.load",
    "numpy.testing",
    "pandas.core.computation",
    "pandas.eval",
    "pandas.io",
    "pandas.read_pickle",
    "pandas.tests",
    "pandas.util",
    "pyarrow.dataset",
    "pyarrow.fs",
    "pyarrow.tests",
    "scipy._lib._testutils",
    "scipy.datasets",
    "scipy.io",
    "sklearn._build_utils",
    "sklearn.datasets",
    "sklearn.externals",
    "sklearn.utils._testing",
    "sklearn.utils.estimator_checks",
    "xgboost.testing",
)

# Classes that open the file named by their first argument: an array may be said to be one, none may be made.
OPENING = (
    "numpy._core.memmap.memmap",
    "numpy.memmap",
    "pandas.ExcelFile",
    "pandas.ExcelWriter",
    "pandas.HDFStore",
    "pyarrow.MemoryMappedFile",
    "pyarrow.OSFile",
    "pyarrow.lib.MemoryMappedFile",
    "pyarrow.lib.OSFile",
)

# The functions that pickles of these packages call by right: they rebuild one object from plain values.
REBUILDING = re.compile(
    r"copyreg\._reconstructor|_codecs\.encode|pyarrow\.lib\.(py_buffer|type_for_alias)"
    r"|.*\.(_reconstruct|_mareconstruct|_frombuffer|scalar|newObj|_restore_array|_new_\w*Index"
    r"|__\w+_ctor|__pyx_unpickle_\w+|_unpickle_\w+|_\w+_unpickle)"
)


class Refused(pickle.UnpicklingError):
    """The file reaches for something that is neither known to be harmless nor trusted."""


def within(name, places):
    """Whether the dotted `name` is one of `places` or lies inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def refusal(name, trusted=(), *, called=False):
    """Why a pickle may not import (or call) the dotted `name`; None where it may.

    What is `called` is imported to see what it is, but only from packages that are known.
    """
    if within(name, trusted):
        return None
    if not within(name, PACKAGES) or within(name, OUTSIDE):
        return f"{name} is not known to be safe"
    if not called:
        return None
    if within(name, OPENING):
        return f"{name} opens a file when it is made"
    value = resolve(name)
    own = home(value)
    if own and own != name and (reason := refusal(own, trusted)):
        return reason
    if isinstance(value, type) or REBUILDING.fullmatch(name):
        return None
    return f"{name} is a function, called while the file is opened"


def resolve(name):
    """The object of a dotted name, or None where there is none."""
    module, _, rest = name.rpartition(".")
    while module:
        try:
            value: Any = import_module(module)
        except ImportError:
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}"
            continue
        for part in rest.split("."):
            value = getattr(value, part, None)
        return value
    return None


def home(thing):
    """The dotted name of a class or function by its own account, whatever name it was reached by."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else None


class Gate(NumpyUnpickler):
    """joblib's unpickler, checking every import and every call first."""

    def __init__(self, file, trusted):
        super().__init__("", file, ensure_native_byte_order=True)
        self.fix_imports = False  # find_class does it with modern(), before it checks the name
        self.trusted = tuple(trusted)
        self._imported = {}  # id -> (what find_class gave out, its name); holding it keeps the id its own
        self._callable = set()

    def find_class(self, module, name):
        module, name = modern(module, name, self.proto)
        qualified = f"{module}.{name}"
        refuse(refusal(qualified, self.trusted))
        value = super().find_class(module, name)
        if value is NumpyArrayWrapper:
            value = Wrapper
        elif not within(qualified, self.trusted):
            # A known module is also a way to whatever it has imported itself, such as numpy.os.system.
            own = home(value)
            if own and refusal(own, self.trusted):
                raise Refused(f"{qualified} is {own}, which is not known to be safe")
            if isinstance(value, types.ModuleType | dict | list | set):
                raise Refused(f"{qualified} is a part of its module that could be changed from outside")
        self._imported[id(value)] = value, qualified
        return value

    def get_extension(self, code):
        raise Refused(f"it names an import by the number {code} alone")

    def check_call(self, called):
        if id(called) in self._callable:
            return
        found, name = self._imported.get(id(called), (None, ""))
        if found is not called:
            raise Refused(f"it calls {called!r:.80}, which is no class or function it imports")
        refuse(refusal(name, self.trusted, called=True))
        self._callable.add(id(called))

    def load_reduce(self):
        called, arguments = self.stack[-2:]
        for candidate in (called, *(candidate for candidate in arguments if isinstance(candidate, type))):
            self.check_call(candidate)
        super().load_reduce()

    def load_newobj(self):
        self.check_call(self.stack[-2])
        super().load_newobj()

    def load_newobj_ex(self):
        self.check_call(self.stack[-3])
        super().load_newobj_ex()

    def _instantiate(self, klass, args):  # what the opcodes INST and OBJ come to
        self.check_call(klass)
        super()._instantiate(klass, args)

    def load_build(self):
        if id(self.stack[-2]) in self._imported:
            raise Refused(f"it changes {self._imported[id(self.stack[-2])][1]}")
        super().load_build()

    dispatch: ClassVar = NumpyUnpickler.dispatch | {
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
    }


class Wrapper(NumpyArrayWrapper):
    """joblib's place-holder of an array; arrays of objects are pickles of their own, and pass the gate as well."""

    def read_array(self, unpickler, ensure_native_byte_order):
        if self.dtype.hasobject:
            return Gate(unpickler.file_handle, unpickler.trusted).load()
        return super().read_array(unpickler, ensure_native_byte_order)


def modern(module, name, protocol):
    """The current (module, name) of an import: protocols below 3 write the names of Python 2."""
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
        return Gate(stream, trusted).load()
