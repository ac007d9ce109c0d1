"""Calls of functions in what a model writes, read as it comes.

    reader = CallReader(form, ["add"])
    reader.push('Let me see.\\n<tool_call>\\n{"name": "add", "argu')     # [Part("text", "Let me see.")]
    reader.push('ments": {"a": 1')                       # [Part("call", "add"), Part("arguments", '{"a": 1')]
    reader.push("}}\\n</tool_call>"), reader.flush()      # [Part("arguments", "}")], []

The model was bound to the form while it wrote (constraint.py), so a call that has begun is well-formed as far as it
goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...capabilities import Part
from .form import ID, ID_PATTERN, CallForm

__all__ = ["CallReader"]


class CallReader:
    """The parts of one growing text."""

    def __init__(self, form: CallForm, names: Sequence[str]) -> None:
        self._form = form
        self._first = head(form.opening, names, form.middle)
        self._later = head(form.between or "", names, form.middle)
        self._bare = [form.opening + name + form.middle for name in names] if not form.mark else []
        self._held = ""  # what may belong to the next part
        self._arguments = Json()
        self._read = self._text

    def push(self, piece: str) -> list[Part]:
        """Take a piece of the text; return the parts that are certain by now."""
        self._held += piece
        parts: list[Part] = []
        while True:
            before = self._read, self._held
            parts += self._read()
            if (self._read, self._held) == before:
                return parts

    def flush(self) -> list[Part]:
        """The rest, after the last piece: text that was held back. A call that had no name yet is dropped."""
        rest, self._held = self._held, ""
        return [Part("text", rest)] if rest and self._read in (self._text, self._plain) else []

    @property
    def whole(self) -> bool:
        """Whether the calls that have begun are all whole."""
        return self._read in (self._text, self._plain, self._between)

    # One method for each state; it takes what it can from what is held.

    def _text(self) -> list[Part]:
        if self._form.mark:
            before, mark, _ = self._held.partition(self._form.mark)
            if not mark:
                return self._said(self._held, unsure(self._held, self._form.mark))
            self._held, self._read = self._held[len(before) :], self._head
            return [Part("text", before.rstrip())] if before.strip() else []
        if any(bare.startswith(self._held) or self._held.startswith(bare) for bare in self._bare):
            self._read = self._head if any(map(self._held.startswith, self._bare)) else self._text
            return []
        self._read = self._plain
        return []

    def _plain(self) -> list[Part]:
        return self._said(self._held, 0)

    def _said(self, text: str, held: int) -> list[Part]:
        certain = text[: len(text) - held]
        self._held = text[len(certain) :]
        return [Part("text", certain)] if certain else []

    def _head(self) -> list[Part]:
        return self._begun(self._first)

    def _between(self) -> list[Part]:
        return self._begun(self._later)

    def _begun(self, pattern: re.Pattern[str]) -> list[Part]:
        match = pattern.match(self._held)
        if match is None:
            return []
        self._held, self._arguments, self._read = self._held[match.end() :], Json(), self._json
        return [Part("call", match["name"])]

    def _json(self) -> list[Part]:
        end = self._arguments.end(self._held)
        piece, self._held = self._held[:end], self._held[end:]
        if self._arguments.whole:
            self._read = self._between
        return [Part("arguments", piece)] if piece else []


class Json:
    """Finds the end of an object in text that comes in pieces. whole: whether it has come."""

    def __init__(self) -> None:
        self.whole = False
        self._depth, self._quoted, self._escaped = 0, False, False

    def end(self, piece: str) -> int:
        """How many characters of the piece belong to the object."""
        for place, character in enumerate(piece, 1):
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._quoted, self._escaped = character != '"', character == "\\"
            elif character == '"':
                self._quoted = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if not self._depth:
                    self.whole = True
                    return place
        return len(piece)


def head(before: str, names: Sequence[str], middle: str) -> re.Pattern[str]:
    """Matches what stands before the arguments of a call."""
    names_pattern = "|".join(map(re.escape, names))
    return re.compile(f"{literal(before)}(?P<name>{names_pattern}){literal(middle)}")


def literal(text: str) -> str:
    return re.escape(text).replace(ID, ID_PATTERN)


def unsure(text: str, mark: str) -> int:
    """Characters at the end of `text` that may begin the mark, and the white space before it."""
    begun = next((size for size in range(len(mark) - 1, 0, -1) if text.endswith(mark[:size])), 0)
    certain = text[: len(text) - begun].rstrip()
    return len(text) - len(certain)
