"""Jinja for templates that come with a checkpoint: sandboxed, and bounded in steps, seconds and the size of texts.

    template = TemplateSandbox().from_string(source)
    with bounded():
        template.render(messages=[...])         # SecurityError beyond a bound

Jinja's own sandbox keeps a template from attributes that lead out of it. It lets loops nest, and texts double in a
loop; `"x" * 10**9` or `"x".center(10**9)` takes all memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from time import monotonic
from typing import TYPE_CHECKING, Any

from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.filters import do_indent
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

if TYPE_CHECKING:
    from jinja2.parser import Parser

__all__ = ["GenerationBlocks", "TemplateSandbox", "bounded"]

STEPS = 200_000  # turns of loops, calls and items that filters look at, in one rendering
SECONDS = 5.0  # for one rendering
LONGEST = 2**21  # characters of one text, and of what is rendered
MOST_INDENT = 16  # spaces
MOST_BITS = 4096  # of an integer

# fmt: off
FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "groupby", "int",
    "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace",
    "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique",
    "upper",
)
TEXT_METHODS = frozenset((
    "capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit", "islower",
    "isnumeric", "isspace", "isupper", "join", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rindex", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
    "swapcase", "title", "upper",
))
# fmt: on


@dataclass
class Budget:
    """What is left of one rendering."""

    steps: int
    ends: float

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise SecurityError(f"it takes more than {STEPS} steps")
        if monotonic() > self.ends:
            raise SecurityError(f"it takes longer than {SECONDS:g} seconds")


BUDGET: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def bounded() -> Iterator[None]:
    """A budget for what is rendered inside the block."""
    token = BUDGET.set(Budget(STEPS, monotonic() + SECONDS))
    try:
        yield
    finally:
        BUDGET.reset(token)


def spend(steps: int = 1) -> None:
    BUDGET.get().spend(steps)


def check_length(length: int) -> None:
    if length > LONGEST:
        raise SecurityError(f"it writes a text of more than {LONGEST} characters")


def counted(items: Iterable[Any]) -> Iterator[Any]:
    """What a `for` loop goes through, a step an item."""
    for item in items:
        spend()
        yield item


def concat(parts: Iterable[Any]) -> str:
    """The text of its parts; also what `~`, macros, blocks and the whole template come to."""
    texts, length = [], 0
    for part in parts:
        text = str(part)
        length += len(text)
        check_length(length)
        texts.append(text)
    return "".join(texts)


def joined(separator: Any, values: Iterable[Any]) -> str:
    parts = [str(value) for value in values]
    check_length(sum(map(len, parts)) + len(str(separator)) * max(len(parts) - 1, 0))
    return str(separator).join(parts)


def replaced(text: str, old: str, new: str, count: int = -1) -> str:
    found = text.count(old) if count < 0 else min(count, text.count(old))
    check_length(len(text) + found * len(new))
    return text.replace(old, new, count)


def indented(text: str, width: int = 4, first: bool = False, blank: bool = False) -> str:
    if not 0 <= width <= MOST_INDENT:
        raise SecurityError(f"it indents by {width}, which is more than {MOST_INDENT}")
    return do_indent(text, width, first, blank)


def size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple | dict | set | range) else 0


def counting(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that spends a step for each item of its value."""

    @wraps(function)  # keeps the mark by which Jinja passes its context first
    def run(*arguments: Any, **options: Any) -> Any:
        value = arguments[1 if hasattr(function, "jinja_pass_arg") else 0]
        spend(1 + (0 if isinstance(value, str) else size(value)))
        return function(*arguments, **options)

    return run


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment in which a chat template runs; render inside `bounded()`."""

    concat = staticmethod(concat)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.intercepted_binops = frozenset(["*", "**", "+", "%"])
        filters = {name: counting(self.filters[name]) for name in FILTERS}
        self.filters = filters | {
            "counted": counted,
            "concat": concat,
            "indent": counting(indented),
            "join": counting(
                lambda values, separator="", attribute=None: joined(separator, selected(values, attribute))
            ),
            "replace": counting(
                lambda text, old, new, count=None: replaced(str(text), str(old), str(new), count or -1)
            ),
        }
        for name in ("lipsum", "cycler", "joiner"):
            self.globals.pop(name, None)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        template = super()._parse(source, name, filename)
        for loop in template.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None)
        for parent in list(template.find_all(nodes.Node)):
            for field, value in parent.iter_fields():
                if isinstance(value, nodes.Concat):
                    setattr(parent, field, as_filter(value))
                elif isinstance(value, list):
                    value[:] = [as_filter(item) if isinstance(item, nodes.Concat) else item for item in value]
        return template

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise SecurityError("a text is formatted with %")
        if operator == "*":
            check_length(max(size(left) * right if isinstance(right, int) else 0, 0))
            check_length(max(size(right) * left if isinstance(left, int) else 0, 0))
        if operator == "+":
            check_length(size(left) + size(right))
        if operator == "**" and not (isinstance(right, int | float) and abs(right) <= 64):
            raise SecurityError("an exponent is larger than 64")
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > MOST_BITS:
            raise SecurityError(f"a number has more than {MOST_BITS} bits")
        return result

    def call(self, context: Any, function: Any, /, *arguments: Any, **options: Any) -> Any:
        spend()
        owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
        if isinstance(owner, str):
            if name not in TEXT_METHODS:
                raise SecurityError(f"it calls the method {name} of a text")
            if name == "join":
                return joined(owner, *arguments)
            if name == "replace":
                return replaced(owner, *arguments)
        result = super().call(context, function, *arguments, **options)
        spend(0 if isinstance(result, str) else size(result))
        return result


class GenerationBlocks(Extension):
    """{% generation %} ... {% endgeneration %}: what trainers learn from, and no different from the text around it."""

    tags = frozenset(("generation",))  # type: ignore[assignment]  # Jinja's own is a set that it never changes

    def parse(self, parser: Parser) -> nodes.Scope:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def as_filter(concatenation: nodes.Concat) -> nodes.Filter:
    """`a ~ b` as a filter of the list of its parts, which bounds what it comes to."""
    return nodes.Filter(nodes.List(concatenation.nodes), "concat", [], [], None, None)


def selected(values: Iterable[Any], attribute: str | None) -> Iterable[Any]:
    return values if attribute is None else (value[attribute] for value in values)
