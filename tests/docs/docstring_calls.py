"""Find the calls that docstrings write, and bind each to the signature of what it names.

    from client import calls
    check("`Timeout(1, 2, 3)` is false", calls)      # (["Timeout(1, 2, 3): too many positional arguments"], 0)

A call is written in lines that are Python, or in backticks with arguments. Values do not matter. The class of an
object is known from the example's own assignments and from return annotations; else its name (`store`, `model`) and
the classes of the module give candidates, of which one must take the call. Calls of others' code are passed over.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from importlib.util import find_spec

import client
import service

PACKAGES = {"client": client, "service": service}
ALIASES = {"daylight": service, "daylight_client": client}  # their names once they are installed
# Modules that need what the tests' environment does not have.
ABSENT = set() if find_spec("ray") else {"service.batch.actors", "service.batch.on_ray"}
MODULES = sorted(
    module.name
    for package in (client, service)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__") and module.name not in ABSENT
)
MODULES = [*PACKAGES, *MODULES]


def docstrings(source):
    """The docstrings of a module, of its classes and of its functions, as the file has them: a `\\n` is no new line."""
    nodes = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, nodes) and ast.get_docstring(node):
            literal = ast.get_source_segment(source, node.body[0].value)
            yield inspect.cleandoc(literal.lstrip("rR").strip('"'))


def check(docstring, module):
    """([what does not bind], how many calls do)."""
    faults, bound = [], 0
    variables = {}  # name: the class of what the docstring has assigned to it
    for statement in [*examples(docstring), *quoted_calls(docstring)]:
        remember(statement, module, variables)
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
            problems = [problem(call, *target) for target in targets(call.func, module, variables)]
            if problems and all(problems):
                faults.append(f"{ast.unparse(call)}: {problems[0]}")
            bound += not all(problems)
    return faults, bound


def examples(docstring):
    """The statements in a docstring: of paragraphs that are Python, else of the runs of their lines that are."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        lines = textwrap.dedent(paragraph).splitlines()
        while lines:
            end = next((end for end in range(len(lines), 0, -1) if parsed(lines[:end])), 0)
            yield from parsed(lines[:end])
            lines = lines[end or 1 :]


def parsed(lines):
    """The statements of Python source, or none for prose, JSON or a command. A colon at the end has a body."""
    text = textwrap.dedent("\n".join(lines)).strip()
    try:
        return ast.parse(f"{text} pass" if text.endswith(":") else text).body
    except SyntaxError:
        return []


def quoted_calls(docstring):
    """The calls in backticks. One without arguments, `run()`, only names the function."""
    for text in re.findall(r"`+([^`]+)`+", docstring):
        for statement in parsed([" ".join(text.split())])[:1]:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call) and (call.args or call.keywords):
                yield statement


def problem(call, function, leading):
    """Why a call does not bind to a function, or None. Arguments with a star, and `...`, stand for any."""
    if function is None:
        return "its class has no such attribute"
    names = {keyword.arg: None for keyword in call.keywords if keyword.arg}
    stars = [each for each in call.args if isinstance(each, ast.Starred) or ast.unparse(each) == "..."]
    try:
        if stars or len(names) < len(call.keywords):
            inspect.signature(function).bind_partial(*leading, **names)
        else:
            inspect.signature(function).bind(*leading, *call.args, **names)
    except TypeError as error:
        return str(error)
    return None


def targets(func, module, variables):
    """[(function that an expression may name, the arguments before the written ones)]; empty for what is not known."""
    if isinstance(func, ast.Name):
        if func.id in variables:
            return methods([variables[func.id]], "__call__")
        found = resolve(func.id, module)
        return [(found, ())] if callable(found) else []
    if not isinstance(func, ast.Attribute):
        return []
    owner = static_value(func.value, module, variables)
    if owner is not None:
        function = getattr(owner, func.attr, None)
        return [(function, ())] if function is None or ours(function) else []
    certain = class_of(func.value, module, variables)
    if certain:
        return [*methods([certain], func.attr)] or missing(certain, func.attr)
    name = func.value.id if isinstance(func.value, ast.Name) else ""
    if hasattr(module, name):  # somebody else's module or object
        return []
    return methods([*classes(module), *named_like(name)], func.attr)


def static_value(node, module, variables):
    """Our class or module that a name stands for, or an entry of a table such as `KINDS["integer"]`; else None."""
    if isinstance(node, ast.Name) and node.id not in variables:
        found = ALIASES.get(node.id) or resolve(node.id, module)
        return found if inspect.isclass(found) or inspect.ismodule(found) else None
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant):
        table = getattr(module, node.value.id, None)
        return ours(table.get(node.slice.value)) if isinstance(table, dict) else None
    return None


def class_of(node, module, variables):
    """Our class of the value of an expression, where it is certain, or None."""
    if isinstance(node, ast.Name):
        return variables.get(node.id)
    if not isinstance(node, ast.Call):
        return None
    for function, _ in targets(node.func, module, variables):
        if inspect.isclass(function):
            return function
        annotation = str(getattr(function, "__annotations__", {}).get("return", ""))
        if annotation == "Self":
            return getattr(function, "__self__", None)
        inner = re.fullmatch(r"(?:Iterator|Generator|AbstractContextManager)\[(\w+).*", annotation)
        found = resolve(inner[1] if inner else annotation, module)
        return found if inspect.isclass(found) else None  # a type variable tells nothing
    return None


def methods(owners, name):
    """The methods of this name that these classes have, each with a stand-in for self."""
    for owner in filter(None, owners):
        method = inspect.getattr_static(owner, name, None)
        if isinstance(method, staticmethod | classmethod):
            yield getattr(owner, name), ()
        elif inspect.isfunction(method):
            yield method, (None,)


def missing(owner, name):
    """One target that no call binds to, where a class neither has an attribute nor sets it."""
    known = hasattr(owner, name) or hasattr(owner, "__getattr__") or name in inspect.get_annotations(owner)
    return [] if known or f"self.{name}" in inspect.getsource(owner) else [(None, ())]


def resolve(name, module):
    """What of ours a name stands for: in the module, in its package's public names, or as the one class so named."""
    package = PACKAGES[module.__name__.partition(".")[0]]
    if hasattr(module, name):
        return ours(getattr(module, name))
    if name in package.__all__:
        return ours(getattr(package, name))
    return CLASSES[name][0] if len(CLASSES.get(name, ())) == 1 else None


def ours(thing):
    name = thing.__name__ if inspect.ismodule(thing) else getattr(thing, "__module__", None) or ""
    return thing if name.partition(".")[0] in PACKAGES else None


def classes(module):
    """The classes that a module defines."""
    return [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__]


def named_like(variable):
    """The classes that a variable's name suggests: `model` a TabularModel or a TextGenerationModel, `store` a Store."""
    ending = "".join(word.capitalize() for word in variable.split("_"))
    return [each for name in CLASSES if ending and name.endswith(ending) for each in CLASSES[name]]


def remember(statement, module, variables):
    """Note the class of each variable that a statement sets, by assignment or by `with ... as`; None: not known."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            variables[node.targets[0].id] = class_of(node.value, module, variables)
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            variables[node.optional_vars.id] = class_of(node.context_expr, module, variables)


CLASSES = {}  # name: the classes of both packages that have it
for each in (each for name in MODULES for each in classes(importlib.import_module(name))):
    CLASSES.setdefault(each.__name__, []).append(each)
