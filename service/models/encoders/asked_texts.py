"""The texts of a request, as rows for the engine of an encoder.

rows = rows_of(tokens, ["a text", "another"], "input", most=10_000, truncate=False)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Encoding

from ...errors import ContextLengthExceeded, InvalidParameters, PayloadTooLarge
from ...generation.encoders.work import Row
from .tokens import Fault, Tokens

__all__ = ["at_least_one", "fault", "refuse", "rows_of", "spans_of"]


def rows_of(
    tokens: Tokens, texts: Sequence[Any], parameter: str, *, most: float, truncate: bool, prompt: str | None = None
) -> list[Row]:
    """A row for each text, or pair of texts. parameter: what they are called in errors. most: how many are taken.

    Raises PayloadTooLarge, or ContextLengthExceeded or InvalidParameters with every text that cannot be read.
    """
    bounded(len(texts), most)
    rows, faults = tokens.rows(texts, truncate=truncate, prompt=prompt)
    refuse(faults, parameter)
    return rows


def spans_of(
    tokens: Tokens, texts: Sequence[str], parameter: str, *, most: float, truncate: bool
) -> tuple[list[Row], list[Encoding]]:
    """As `rows_of`, with the encoding of each text, whose offsets count its characters."""
    bounded(len(texts), most)
    rows, encodings, faults = tokens.spans(texts, truncate=truncate)
    refuse(faults, parameter)
    return rows, encodings


def at_least_one(texts: Sequence[Any], parameter: str) -> None:
    """Raise InvalidParameters where there is no text."""
    if not texts:
        raise InvalidParameters.naming([fault(parameter, "at least one text", "none")])


def bounded(texts: int, most: float) -> None:
    if texts > most:
        raise PayloadTooLarge(f"{texts} texts in one request; at most {most} are taken")


def refuse(faults: Sequence[Fault], parameter: str) -> None:
    """Raise ContextLengthExceeded or InvalidParameters where there are any, each text by its place."""
    if not faults:
        return
    kind = ContextLengthExceeded if all(each.too_long for each in faults) else InvalidParameters
    named = [
        fault(f"{parameter}[{each.place}]", each.expected + (" (or truncate: true)" if each.too_long else ""), each.got)
        for each in faults
    ]
    raise kind.naming(named)


def fault(parameter: str, expected: str, got: object) -> dict[str, str]:
    return {"parameter": parameter, "expected": expected, "got": str(got)}
