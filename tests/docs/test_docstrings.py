"""Every call that a docstring writes binds to the signature of what it names."""

import importlib
import inspect

import pytest

from client import calls
from service.models.tables import column_types
from service.store import receipts

from .docstring_calls import MODULES, check, docstrings


@pytest.mark.parametrize("name", MODULES)
def test_calls_in_the_docstrings_of_a_module_bind(name):
    module = importlib.import_module(name)
    assert not [fault for text in docstrings(inspect.getsource(module)) for fault in check(text, module)[0]]


def test_finder_finds_most_examples():
    modules = map(importlib.import_module, MODULES)
    assert sum(check(text, module)[1] for module in modules for text in docstrings(inspect.getsource(module))) >= 300


@pytest.mark.parametrize(
    ("docstring", "faults"),
    [
        ("    Timeout(1, 2)", 0),
        ("    Timeout(1, 2, 3)", 1),
        ("Timeout(1,\n    2, 3)        # without an indent, on two lines", 1),
        ("A sentence.\n\n    limits = Timeout(connect=1)\n    limits.within(5)", 0),
        ("    limits = Timeout(connect=1)\n    limits.within()", 1),
        ("    limits = Timeout(connect=1)\n    limits.longer(5)", 1),
        ("    with Timeout(1) as limits:\n    limits.within(5, 6)", 1),
        ("    with Timeout(1) as limits:\n        limits.within(5, 6)", 1),
        ("    timeout.within(5, 6)        # known by its name", 1),
        ("    anything.within(5, 6)       # a method of a class of the module", 1),
        ("    Timeout.within(limits, 5, 6)", 1),
        ("    Timeout.longer(5)", 1),
        ("    Timeout(*limits)\n    Timeout(...)", 0),
        ("    Timeout(*limits, longest=5)", 1),
        ("    method_signature(1, 2)", 1),
        ("    daylight.pack(estimator, name='churn', colour='blue')", 1),
        ("    Client(url, tries=3)        # a public name of the package", 1),
        ("    elsewhere(1, 2, 3)", 0),
        ("With `Timeout(1, 2)` and `Timeout()`, `within()` names a method", 0),
        ("With `Timeout(1, 2,\n3)`", 1),
        ("prose with Timeout(1, 2, 3) in it", 0),
    ],
)
def test_false_example_is_found(docstring, faults):
    assert len(check(docstring, calls)[0]) == faults


def test_docstrings_are_read_as_the_file_has_them():
    source = 'def f():\n    """Read rows.\n\n    Timeout(b"age\\n31\\n", 2, 3)\n    """\n'
    (text,) = docstrings(source)
    assert len(check(text, calls)[0]) == 1


@pytest.mark.parametrize(
    ("docstring", "module"),
    [
        ("    history = History(folder, keys)\n    history.receipts(1, 2)", receipts),
        ("    COLUMN_KINDS['integer'].fits(column)", column_types),
    ],
)
def test_false_call_of_a_method_is_found(docstring, module):
    assert len(check(docstring, module)[0]) == 1
