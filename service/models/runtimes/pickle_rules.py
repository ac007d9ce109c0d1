"""What a pickle may import, call, keep and set.

    refusal("os.system")                                    # "os.system is not known to be safe"
    refusal("pandas.DataFrame.eval")                        # "... is a function that is not known to be safe ..."
    refusal("sklearn.svm._classes.SVC", called=True)        # None: it may be made
    state_refusal("sklearn.feature_extraction.text.CountVectorizer", {"input": "filename"})

A function that a file only refers to is as dangerous as one that it calls: an estimator keeps it as an attribute
(`func`, `metric`, `kernel`, `analyzer`, ...), and `predict` calls it. So every function has to be on a list of
safe_names, and so does every class, for classes are callable. The packages have many thousand classes: the lists stop
the attacks that are known, and are no proof. `.skops` files are the stricter form.
"""

from __future__ import annotations

import re
import types
import warnings
from collections.abc import Collection, Iterable, Iterator
from importlib import import_module
from typing import Any

from .safe_names import (
    CLASS_NAMES,
    CLASSES,
    FUNCTIONS,
    MEMMAP,
    METHODS,
    PACKAGES,
    REBUILDING,
    REFUSED,
    STATE_ONLY,
    ZONE,
)

__all__ = [
    "bound_refusal",
    "constructor_refusal",
    "home",
    "object_refusal",
    "refusal",
    "resolve",
    "state_refusal",
    "within",
]

UNSEEN = object()  # a value that was not resolved yet

READS_FILES = re.compile(r"sklearn\.feature_extraction\.text\.\w+")
DISTRIBUTION = "scipy.stats"
TEMPLATE = "_parse_arg_template"  # source text that scipy's distributions execute when their state is set
SHAPES = r"[\w, =]*"
SOURCE = re.compile(
    rf"\s*def _parse_args\(self, {SHAPES}\):\s+return \({SHAPES}\), {SHAPES}"
    rf"\s+def _parse_args_rvs\(self, {SHAPES}, size=None\):\s+return self\._argcheck_rvs\({SHAPES}, size=size\)"
    rf"\s+def _parse_args_stats\(self, {SHAPES}, moments='mv'\):\s+return \({SHAPES}\), {SHAPES}, moments\s*"
)
# These pass names of methods to pandas' `agg`, which finds them on the frame.
BY_NAME = ("feature_engine", "skrub", "category_encoders")
METHOD_NAMES = re.compile(r"to_\w+|eval|query|pipe|apply|map|applymap|agg|aggregate|plot|hist|boxplot|info")


def within(name: str, places: Iterable[str]) -> bool:
    """Whether the dotted `name` is one of `places` or lies inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def refusal(name: str, trusted: Collection[str] = (), *, called: bool = False, value: Any = UNSEEN) -> str | None:
    """Why a pickle may not import (or call) the dotted `name`; None where it may.

    value: what the name stands for. Where it is not given, the name is imported, but only from the known packages.
    """
    if within(name, trusted):
        return None
    if name in MEMMAP:
        return f"{name} opens a file when it is made" if called else None
    if not within(name, PACKAGES):
        return f"{name} is not known to be safe"
    value = resolve(name) if value is UNSEEN else value
    own = home(value)
    if value is None or (own and within(own, trusted)):  # None: not installed, or gone; opening the file says so
        return None
    if isinstance(value, type):
        return class_refusal(name, value)
    if name == ZONE or (own and REBUILDING.fullmatch(own) and within(own, PACKAGES)):
        return None
    return f"{name} is a function, called while the file is opened" if called else value_refusal(name, own, value)


def value_refusal(name: str, own: str | None, value: Any) -> str | None:
    """Why a model may not hold a function or another value that is no class; `own`: where it is defined, if it says."""
    if isinstance(value, types.ModuleType | dict | list | set):
        return f"{name} is a part of its module that could be changed from outside"
    if is_ufunc(value) or (within(own, FUNCTIONS) if own else name in FUNCTIONS):
        return None
    if callable(value):
        return f"{name} is a function that is not known to be safe in a model"
    return class_refusal(name, type(value))


def class_refusal(name: str, class_: type) -> str | None:
    """Why a class, or a value of a class, may not be imported by this name; None where it may."""
    own = home(class_) or ""
    if (within(own, CLASSES) or CLASS_NAMES.fullmatch(own)) and not within(own, REFUSED):
        return None
    return f"{name} is a class that is not known to be safe in a model"


def constructor_refusal(name: str) -> str | None:
    """Why a class may not be called with arguments; None where it may."""
    return f"{name} reads a file when it is made with arguments" if name in STATE_ONLY else None


def bound_refusal(name: str, method: str) -> str | None:
    """Why a model may not hold this method of an object of the class `name`; None where it may."""
    if any(within(name, [place]) and method in methods for place, methods in METHODS.items()):
        return None
    return f"{name}.{method} is a method that is not known to be safe in a model"


def state_refusal(name: str, state: Any) -> str | None:
    """Why an object of the class `name` may not be given this state; None where it may."""
    rule = next((rule for covers, rule in STATE_RULES if covers(name)), None)
    if rule is None:
        return None
    if type(state) is not dict:  # pairs, or a dict of another kind: an object may take them as its state, too
        return f"{name} is given a state that is no dict"
    return rule(name, state)


def source_refusal(name: str, state: dict[str, Any]) -> str | None:
    template = state.get(TEMPLATE)
    if template is None or (type(template) is str and SOURCE.fullmatch(template)):
        return None
    return f"{name}.{TEMPLATE} is source text that scipy would execute"


def input_refusal(name: str, state: dict[str, Any]) -> str | None:
    given = state.get("input")
    if given is None or (type(given) is str and given == "content"):
        return None
    shown = f"{given!a:.40}" if type(given) is str else f"a {type(given).__name__}"
    return f"{name}.input = {shown} reads the files that its callers name"


def method_refusal(name: str, state: dict[str, Any]) -> str | None:
    for attribute, value in state.items():
        for text in texts(value):
            if METHOD_NAMES.fullmatch(text):
                return f"{name}.{attribute} = {text!r} is called as a method of a frame"
    return None


# Which classes have a rule for their state, and the rule.
STATE_RULES = (
    (lambda name: within(name, [DISTRIBUTION]), source_refusal),
    (READS_FILES.fullmatch, input_refusal),
    (lambda name: within(name, BY_NAME), method_refusal),
)


def object_refusal(opened: Any, trusted: Collection[str] = ()) -> str | None:
    """The same for an object that is open already, and for all objects inside it."""
    waiting, seen = [opened], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, str | bytes | int | float | type):
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
        elif state := getattr(value, "__dict__", None):
            name = home(type(value)) or ""
            if not within(name, trusted) and (reason := state_refusal(name, dict(state))):
                return reason
            waiting += state.values()
    return None


def texts(value: Any, depth: int = 3) -> Iterator[str]:
    """The texts in a value and in the collections inside it."""
    seen: set[int] = set()
    level: list[Any] = [value]
    for _ in range(depth + 1):
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                yield each
            elif id(each) not in seen and isinstance(each, list | tuple | set | dict):
                seen.add(id(each))
                below += each.values() if isinstance(each, dict) else each
        level = below


def is_ufunc(value: Any) -> bool:
    """Whether it is an elementwise function of numpy or scipy.special."""
    import numpy as np

    return isinstance(value, np.ufunc)


def resolve(name: str) -> Any:
    """The object of a dotted name, or None where there is none."""
    module, _, rest = name.rpartition(".")
    while module:
        try:
            value: Any = import_module(module)
        except ImportError:
            module, _, last = module.rpartition(".")
            rest = f"{last}.{rest}"
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # files of earlier releases have such names
            for part in rest.split("."):
                value = getattr(value, part, None)
        return value
    return None


def home(thing: Any) -> str | None:
    """The dotted name of a class or function by its own account, whatever name it was reached by."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else None
