"""From the scores of tokens to entities, as the pipelines of transformers do it.

    pieces = pieces_of(text, encoding, scores, form)
    entities(pieces, labels, "simple", form, ignored=("O",))
    # [{"entity_group": "PER", "score": 0.99, "word": "Ada", "start": 0, "end": 3}]

`start` and `end` count characters of the text as it was sent. The strategies are those of TokenClassificationPipeline:
`none` gives each token, `simple` joins neighbors of one label (a B- begins anew), and `first`, `average` and `max` give
all tokens of a word one label before that: of its first token, of their mean scores, of the surest token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Encoding

__all__ = ["STRATEGIES", "Form", "Piece", "entities", "pieces_of", "softmax"]

STRATEGIES = ("none", "simple", "first", "average", "max")
Entity = dict[str, Any]


class Form(NamedTuple):
    """What a tokenizer says of its tokens.

    joined: tokens to the text that they stand for. unknown: the id that stands for what it has no token for, or None.
    marks_pieces: whether a token that goes on with a word is spelled with a mark before it, as in WordPiece.
    """

    joined: Callable[[Sequence[str]], str]
    unknown: int | None
    marks_pieces: bool


class Piece(NamedTuple):
    """A token. scores: float32 [labels], a probability for each. start, end: of its characters. place: among all tokens
    of the text. within: whether it goes on with a word."""

    word: str
    scores: np.ndarray
    start: int
    end: int
    place: int
    within: bool


def softmax(logits: np.ndarray) -> np.ndarray:
    """float32 [tokens, labels] -> the same; in float32 as the pipeline has it, where two may be equal."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def pieces_of(text: str, encoding: Encoding, scores: np.ndarray, form: Form) -> list[Piece]:
    """The tokens of a text but for the tokenizer's own marks. encoding: of the text, with offsets."""
    found = []
    special, ids, offsets, words = encoding.special_tokens_mask, encoding.ids, encoding.offsets, encoding.tokens
    for place, mark in enumerate(special):
        if mark:
            continue
        word, (start, end) = words[place], offsets[place]
        if ids[place] == form.unknown:
            word, within = text[start:end], False
        elif form.marks_pieces:
            within = len(word) != end - start
        else:  # the best that can be said: no space is near its beginning
            within = start > 0 and " " not in text[start - 1 : start + 1]
        found.append(Piece(word, scores[place], start, end, place, within))
    return found


def entities(
    pieces: Sequence[Piece], labels: Sequence[str], strategy: str, form: Form, ignored: Collection[str]
) -> list[Entity]:
    """strategy: one of STRATEGIES. ignored: labels, or groups of them, that are left out."""
    if strategy in ("none", "simple"):
        found = [token(piece, labels) for piece in pieces]
    else:
        found = [word(group, labels, strategy, form) for group in grouped(pieces, lambda _, piece: piece.within)]
    if strategy == "none":
        return [each for each in found if each["entity"] not in ignored]
    joined = [group(each, form) for each in grouped(found, continues)]
    return [each for each in joined if each["entity_group"] not in ignored]


def token(piece: Piece, labels: Sequence[str]) -> Entity:
    place = int(piece.scores.argmax())
    named = {"entity": labels[place], "score": float(piece.scores[place]), "index": piece.place}
    return {**named, "word": piece.word, "start": piece.start, "end": piece.end}


def word(pieces: Sequence[Piece], labels: Sequence[str], strategy: str, form: Form) -> Entity:
    """The tokens of one word as one entity."""
    if strategy == "first":
        scores = pieces[0].scores
    elif strategy == "max":
        scores = max(pieces, key=lambda piece: piece.scores.max()).scores
    else:
        scores = np.stack([piece.scores for piece in pieces]).mean(axis=0)
    place = int(scores.argmax())
    return {
        "entity": labels[place],
        "score": float(scores[place]),
        "word": form.joined([piece.word for piece in pieces]),
        "start": pieces[0].start,
        "end": pieces[-1].end,
    }


def continues(last: Entity, entity: Entity) -> bool:
    """Whether an entity goes on with the one before it: of one label, and no B- of its own."""
    return tag(last["entity"]) == tag(entity["entity"]) and not entity["entity"].startswith("B-")


def tag(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def group(members: Sequence[Entity], form: Form) -> Entity:
    """Neighbors that go on with each other, as one entity."""
    return {
        "entity_group": members[0]["entity"].split("-", 1)[-1],
        "score": float(np.mean([each["score"] for each in members])),
        "word": form.joined([each["word"] for each in members]),
        "start": members[0]["start"],
        "end": members[-1]["end"],
    }


def grouped(items: Iterable[Any], joins: Callable[[Any, Any], bool]) -> Iterator[list[Any]]:
    """The items in runs. joins: whether an item belongs to the same run as the one before it."""
    run: list[Any] = []
    for item in items:
        if run and not joins(run[-1], item):
            yield run
            run = []
        run.append(item)
    if run:
        yield run
