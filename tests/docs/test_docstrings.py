"""Every call in a docstring's example binds to the signature of what it names."""

import ast
import importlib
import inspect
import pkgutil
import textwrap

import pytest

import client
import service

MODULES = sorted(
    module.name
    for package in (client, service)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)


def docstrings(source):
    """The docstrings of a module, of its classes and of its functions."""
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, nodes) and (docstring := ast.get_docstring(node)):
            yield docstring


def example_lines(docstring):
    """The indented lines of a docstring that are Python, each as its tree."""
    for line in docstring.splitlines():
        if line.startswith("    "):
            text = textwrap.dedent(line).strip()
            try:
                yield ast.parse(f"{text} pass" if text.endswith(":") else text)
            except SyntaxError:  # prose, JSON, a command
                continue


def false_calls(docstring, module):
    """([what does not bind], how many calls do). Names are the module's, or variables that the example has set."""
    faults, bound = [], 0
    variables = {}  # name: the class of what an earlier line assigned to it
    for tree in example_lines(docstring):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            found = target(call.func, module, variables)
            if found is None:
                continue
            function, leading = found
            try:
                # Arguments by their places and names only; a starred one may stand for any.
                if not any(isinstance(argument, ast.Starred) for argument in call.args):
                    names = {keyword.arg: None for keyword in call.keywords if keyword.arg}
                    inspect.signature(function).bind(*leading, *call.args, **names)
                bound += 1
            except TypeError as error:
                faults.append(f"{ast.unparse(call)}: {error}")
        remember(tree, module, variables)
    return faults, bound


def target(func, module, variables):
    """(the function that an expression names, the arguments that go before the written ones), or None if unknown."""
    if isinstance(func, ast.Name):
        function = getattr(module, func.id, None)
        return (function, ()) if callable(function) and is_ours(function) else None
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        owner, instance = getattr(module, func.value.id, None), variables.get(func.value.id)
        if instance is not None:
            method = inspect.getattr_static(instance, func.attr, None)
            if inspect.isfunction(method):
                return method, (None,)
        elif inspect.isclass(owner) and is_ours(owner):
            method = getattr(owner, func.attr, None)
            return (method, ()) if callable(method) else (unknown_attribute, ())
    return None


def unknown_attribute():
    """Stands for a method that its class has not: no arguments of a call bind to it but none."""


def is_ours(function):
    return (getattr(function, "__module__", None) or "").partition(".")[0] in ("client", "service")


def remember(tree, module, variables):
    """Note the class of each variable that a line sets to `Class(...)`, by assignment or by `with ... as`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            name, value = node.optional_vars.id, node.context_expr
        else:
            continue
        variables.pop(name, None)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            owner = getattr(module, value.func.id, None)
            if inspect.isclass(owner) and is_ours(owner):
                variables[name] = owner


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_call_what_there_is(name):
    module = importlib.import_module(name)
    faults = [fault for text in docstrings(inspect.getsource(module)) for fault in false_calls(text, module)[0]]
    assert not faults


def test_most_modules_have_an_example_that_is_checked():
    counts = []
    for name in MODULES:
        module = importlib.import_module(name)
        counts.append(sum(false_calls(text, module)[1] for text in docstrings(inspect.getsource(module))))
    assert sum(counts) >= 100, sum(counts)


@pytest.mark.parametrize(
    ("example", "faults"),
    [
        ("    Timeout(1, 2)", 0),
        ("    Timeout(1, 2, 3)", 1),
        ("    limits = Timeout(connect=1)\n    limits.within(5)", 0),
        ("    limits = Timeout(connect=1)\n    limits.within()", 1),
        ("    with Timeout(1) as limits:\n    limits.within(5, 6)", 1),
        ("    session(1)", 1),
        ("    elsewhere(1, 2, 3)", 0),
        ("prose with Timeout(1, 2, 3) in it", 0),
    ],
)
def test_a_false_example_is_found(example, faults):
    from client import transport

    assert len(false_calls(example, transport)[0]) == faults
