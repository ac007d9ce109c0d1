"""Calls of functions as a grammar: what a model may write where it is told of functions.

    constraint = calls_constraint(form, Tools([{"name": "add", "parameters": {...}}]), {"<tool_call>": 49153})
    # SamplingParams.constraint: {"type": "lark", "rules": ["start: ...", ...], "schemas": {"arguments_0": {...}},
    #                             "tokens": {"token_49153": [49153]}}

Free text comes first, unless a call is required; from the form's mark on it is calls alone, whose arguments fit the
schema of their function. The syntax is llguidance's Lark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...capabilities import Tools
from .form import ID, ID_PATTERN, CallForm

__all__ = ["arguments_schema", "calls_constraint"]

NO_ARGUMENTS = {"type": "object", "properties": {}, "additionalProperties": False}


def calls_constraint(
    form: CallForm,
    tools: Tools,
    tokens: Mapping[str, int],
    visible: Iterable[int] = (),
    content: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What may be written: text, then calls.

    tokens: {text: id} of the tokens that llguidance takes for special ones: it matches them by id alone. visible: ids
    of those that a text may hold, such as <think>. content: the JSON schema that a text has to fit; None: any text.
    """
    grammar = Grammar(form, tools, tokens)
    for place, function in enumerate(tools.functions):
        grammar.schemas[f"arguments_{place}"] = arguments_schema(function)
    if tools.required:
        grammar.add("start", grammar.calls(form.opening))
    elif content is not None:
        grammar.add("start", f"{grammar.calls(form.opening)} | content")
        grammar.schemas["content"] = dict(content)
    else:
        grammar.text_and_calls(sorted(visible))
    return {"type": "lark", "rules": grammar.rules, "schemas": grammar.schemas, "tokens": grammar.tokens}


class Grammar:
    """The rules of a grammar, and what they name: schemas, {rule: JSON schema}, and tokens, {rule: [ids]}."""

    def __init__(self, form: CallForm, tools: Tools, tokens: Mapping[str, int]) -> None:
        self.form, self.known = form, tokens
        self.names = [function["name"] for function in tools.functions]
        self.parallel = tools.parallel and form.between is not None
        self.rules: list[str] = []
        self.schemas: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, list[int]] = {}
        longest_first = sorted(tokens, key=len, reverse=True)
        self._split = re.compile(f"({'|'.join(map(re.escape, [ID, *longest_first]))})")

    def add(self, name: str, expression: str) -> None:
        self.rules.append(f"{name}: {expression}")

    def calls(self, opening: str) -> str:
        """One call, or several, from `opening` on."""
        more = f"({self.one_of(self.form.between or '')})*" if self.parallel else ""
        return f"({self.one_of(opening)}) {more} {self.literal(self.form.closing)}"

    def one_of(self, before: str) -> str:
        """A call of any function, up to the end of its arguments. What is before them is one literal where it can
        be: the lexer of llguidance tells it from a text that begins alike only if it is."""
        heads = [self.literal(before + name + self.form.middle) for name in self.names]
        return " | ".join(f"{head} arguments_{place}" for place, head in enumerate(heads))

    def text_and_calls(self, visible: list[int]) -> None:
        """A start where any text may come, and then calls."""
        other = self.token("other", visible) if visible else "TEXT"
        mark = self.form.mark
        text = "/(?s:.+)/"
        if mark:
            if mark in self.known:
                calls = self.calls(self.form.opening)
            else:  # it is generated as text like any other: `lead` ends with it
                calls = f"lead {self.calls(self.form.opening.removeprefix(mark))}"
                self.add("lead[lazy]", f"/(?s:.*){pattern(mark)}/")
            self.add("start", f"(TEXT | {other})* ({calls})?")
            text += f" & ~/(?s:.*){pattern(mark)}(?s:.*)/"
        else:
            # A call is the whole text: what begins as one, name included, becomes one.
            self.add("start", f"{self.calls(self.form.opening)} | ((FIRST | {other}) (TEXT | {other})*)?")
            heads = "|".join(pattern(self.form.opening + name + self.form.middle[:1]) for name in self.names)
            self.add("FIRST", f"{text} & ~/({heads})(?s:.*)/")
        self.add("TEXT", text)

    def literal(self, text: str) -> str:
        """The text as a sequence of strings, of special tokens, and of patterns for ids."""
        parts = []
        for part in filter(None, self._split.split(text)):
            if part == ID:
                parts.append(f"/{ID_PATTERN}/")
            elif part in self.known:
                parts.append(self.token(f"token_{self.known[part]}", [self.known[part]]))
            else:
                parts.append(json.dumps(part, ensure_ascii=False))
        return " ".join(parts)

    def token(self, name: str, ids: list[int]) -> str:
        """The name of a rule for any of these tokens."""
        self.tokens[name] = ids
        return name


def pattern(text: str) -> str:
    """A regular expression of llguidance's that matches this text alone."""
    return re.escape(text).replace("/", "\\/")


def arguments_schema(function: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a function's arguments: always of an object. Without one, there are none."""
    parameters = function.get("parameters")
    return {"type": "object", **parameters} if parameters else NO_ARGUMENTS
