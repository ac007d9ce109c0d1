"""Texts as counts of their tokens, as scikit-learn's vectorizers count them, without scikit-learn.

    counter = TokenCounter({"analyzer": "word", "pattern": r"\\w+", "ngrams": [1, 1], "vocabulary": ["a", "b"], ...})
    counter.count("b a b")               # {1: 2, 0: 1}: the token's place in the vocabulary, and how often it comes
    padded([{1: 2, 0: 1}, {1: 1}])       # places int64 [texts, longest], counts float64 [texts, longest]

A counter is described by plain values (packing/translate/vectorizers.py writes them). Tokens outside the vocabulary
count for nothing; a hashed counter has no vocabulary, and its place is a hash of the token.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import mmh3
import numpy as np

__all__ = ["TokenCounter", "padded"]

SPACES = re.compile(r"\s\s+")
Tokens = Iterable[str]


class TokenCounter:
    """Counts the tokens of a text.

    `described`: "analyzer" ("word", "char" or "char_wb"), "lowercase", "strip_accents" (None, "ascii" or "unicode"),
    "pattern" and "stop_words" (of words), "ngrams" [shortest, longest], "binary" (1 instead of each count), and
    either "vocabulary" (a list of tokens) or "buckets" (of hashes) with "signed" (half of the tokens count down).
    """

    def __init__(self, described: Mapping[str, Any]) -> None:
        self.lowercase = described["lowercase"]
        self.strip = ACCENTS[described["strip_accents"]]
        self.analyze = analyzer(described)
        self.binary = described["binary"]
        self.places: dict[str, int] | None = None
        if described["vocabulary"] is not None:
            self.places = {token: place for place, token in enumerate(described["vocabulary"])}
        else:
            self.buckets, self.signed = described["buckets"], described["signed"]

    def count(self, text: str) -> dict[int, int]:
        """{place: count} of a text; the places of hashed tokens that cancel each other out have 0."""
        if self.lowercase:
            text = text.lower()
        if self.strip is not None:
            text = self.strip(text)
        tokens = self.analyze(text)
        counts = self.hashed(tokens) if self.places is None else self.known(tokens, self.places)
        return dict.fromkeys(counts, 1) if self.binary else counts

    def known(self, tokens: Tokens, places: dict[str, int]) -> dict[int, int]:
        """{place: count} of the tokens that are in the vocabulary."""
        counts: dict[Any, int] = Counter(map(places.get, tokens))
        counts.pop(None, None)
        return counts

    def hashed(self, tokens: Tokens) -> dict[int, int]:
        """The same by MurmurHash3: the place is the hash without its sign, which may say to count down."""
        counts: dict[int, int] = {}
        for token, times in Counter(tokens).items():
            hashed = mmh3.hash(token)
            place = abs(hashed) % self.buckets
            counts[place] = counts.get(place, 0) + (-times if hashed < 0 and self.signed else times)
        return counts


def padded(counts: Sequence[Mapping[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Counts of several texts as arrays: (places int64, counts float64), both [texts, longest].

    Shorter ones are filled up with the place 0 counted 0 times. An empty text has one such place.
    """
    longest = max(1, *map(len, counts))
    places = np.zeros((len(counts), longest), dtype=np.int64)
    values = np.zeros((len(counts), longest))
    for row, of_text in enumerate(counts):
        places[row, : len(of_text)] = list(of_text)
        values[row, : len(of_text)] = list(of_text.values())
    return places, values


def analyzer(described: Mapping[str, Any]) -> Callable[[str], Tokens]:
    """What makes tokens of a text whose case and accents are done with."""
    shortest, longest = described["ngrams"]
    if described["analyzer"] == "char":
        return lambda text: characters(SPACES.sub(" ", text), shortest, longest)
    if described["analyzer"] == "char_wb":
        return lambda text: within_words(text, shortest, longest)
    find, stop = re.compile(described["pattern"]).findall, described["stop_words"]
    if stop is None and shortest == longest == 1:
        return find
    stop = frozenset(stop or ())
    return lambda text: sequences([word for word in find(text) if word not in stop], shortest, longest)


def sequences(words: list[str], shortest: int, longest: int) -> list[str]:
    """All runs of so many words, joined by spaces."""
    found = [] if shortest > 1 else list(words)
    for length in range(max(2, shortest), min(longest, len(words)) + 1):
        found += map(" ".join, zip(*(words[start:] for start in range(length)), strict=False))
    return found


def characters(text: str, shortest: int, longest: int) -> list[str]:
    """All runs of so many characters."""
    return [
        text[start : start + length]
        for length in range(shortest, min(longest, len(text)) + 1)
        for start in range(len(text) - length + 1)
    ]


def within_words(text: str, shortest: int, longest: int) -> list[str]:
    """All runs of so many characters of each word, one space at its ends; a word that is shorter counts once, whole."""
    found: list[str] = []
    for word in text.split():
        spaced = f" {word} "
        found += characters(spaced, shortest, longest) if len(spaced) >= shortest else [spaced]
    return found


def without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def as_ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


ACCENTS: dict[str | None, Callable[[str], str] | None] = {None: None, "unicode": without_accents, "ascii": as_ascii}
