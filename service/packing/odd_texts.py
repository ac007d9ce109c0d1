"""Texts that tell one way of finding tokens from another: letters of many scripts, odd spaces, what is no word.

for text in odd_texts(["a text of the sample"]):
    ...                                      # "", "A TEXT OF THE SAMPLE", "elpmas eht fo txet a", ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["odd_texts"]

VARIED = 24  # texts of the sample, each changed in every way
ODD = (
    "",
    " ",
    "\t\n",
    "a",
    "I",
    ".",
    "x y",
    "one  two\u00a0three\u2003four\x1ffive\u2028six",
    # Letters whose case or accents are more than one letter, or depend on their place.
    "\u00c5NGSTR\u00d6M \u0130stanbul stra\u00dfe \u1e9e \u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3 \u01c5",
    "e\u0301te\u0301 \ufb01ne \u00bd \u00b2 \u2167 \uff46\uff55\uff4c\uff4c \u1ea5\u1ec7",
    "don't e-mail me@example.com, #1_000 3.14%",
    # Chinese, Arabic, Devanagari, Thai, Hebrew, Cyrillic.
    "\u4f60\u597d\uff0c\u4e16\u754c \u0645\u0631\u062d\u0628\u0627 \u0967\u0968",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0451\u043b\u043a\u0430 \u0419\u043e\u0434",
    "\U0001f469\u200d\U0001f680 \U0001f1ee\U0001f1f9 \U0001f44d\U0001f3fd",
    "a\x00b\ufeffc\u200bd\u00ade\x1c\x85f",
    "\ud7ff\ue000\uffff\U0010ffff",
    "zqxj vwkyz " * 3,
    "a" * 300,
    "ab " * 3000,
)
CHANGES: tuple[Callable[[str], str], ...] = (
    str.upper,
    str.swapcase,
    lambda text: text[::-1],
    lambda text: text[: len(text) // 2],
    lambda text: f"{text} {text}\n{text}",
    lambda text: "\r\n\t".join(text.split()),
    lambda text: "\u0301".join(text),
    lambda text: text.replace(" ", ""),
    lambda text: f"{text} zqxj {text[::-1]}",
)


def odd_texts(known: list[str]) -> Iterator[str]:
    """Texts that a model has hardly seen; `known`: some that it has, of which variants are made."""
    yield from ODD
    for change in CHANGES:
        yield from map(change, known[:VARIED])
