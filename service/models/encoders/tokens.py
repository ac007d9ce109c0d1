"""From texts to rows of token ids, as transformers' tokenizers make them, by `tokenizers` alone.

    tokens = Tokens.load(version)
    rows, faults = tokens.rows(["a text", "another"])      # [Row, Row], []

A text that is too long is a fault, with its count of tokens, unless it may be cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from tokenizers import Encoding, Tokenizer

from ...generation.encoders.work import Row
from .entities import Form

if TYPE_CHECKING:
    from ...store.versions import StoredVersion

__all__ = ["TOKENIZER", "Fault", "Tokens"]

TOKENIZER = "tokenizer.json"
# Spaces that transformers takes out of the texts of some tokenizers (clean_up_tokenization_spaces), in this order.
CLEANED = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")),
)


class Fault(NamedTuple):
    """What is wrong with one text. too_long: whether cutting it would help."""

    place: int
    expected: str
    got: str
    too_long: bool = False


class Tokens:
    """max_tokens: of a text, or a pair of them, with the tokenizer's own marks. prompts: {name: text}."""

    def __init__(self, tokenizer_json: str, spec: dict[str, Any]) -> None:
        """spec: of the manifest: max_tokens, vocabulary_size, token_types, truncation, unknown_id, clean_up,
        lowercase, strip, prompts, prompt."""
        self._json = tokenizer_json
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.max_tokens: int = spec["max_tokens"]
        self.vocabulary_size: int = spec["vocabulary_size"]
        self._typed: bool = spec["token_types"]
        self.truncation: str = spec.get("truncation", "longest_first")  # which text of a pair is cut
        self._clean_up: bool = spec.get("clean_up", False)
        self._lowercase, self._strip = spec.get("lowercase", False), spec.get("strip", False)
        self.prompts: dict[str, str] = spec.get("prompts", {})
        self._prompt: str | None = spec.get("prompt")
        marked = getattr(self._tokenizer.model, "continuing_subword_prefix", None)
        self.form = Form(self.joined, spec.get("unknown_id"), bool(marked))
        # Characters of a token. One after the other: get_vocab() makes all of them at once, megabytes that stay.
        spelled = map(self._tokenizer.id_to_token, range(self.vocabulary_size))
        self._longest = max((len(token) for token in spelled if token), default=1)

    @classmethod
    def load(cls, version: StoredVersion) -> Tokens:
        with version.open(TOKENIZER) as file:
            return cls(file.read().decode(), version.manifest.spec)

    @cached_property
    def _cutting(self) -> Tokenizer:
        """The tokenizer again, which cuts what is too long as transformers' do; made when it is first asked for."""
        tokenizer = Tokenizer.from_str(self._json)
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens, strategy=self.truncation)
        return tokenizer

    def rows(
        self,
        texts: Sequence[str | Sequence[int] | tuple[str, str]],
        *,
        truncate: bool = False,
        prompt: str | None = None,
    ) -> tuple[list[Row], list[Fault]]:
        """A Row for each text, pair of texts, or list of token ids, unless there are faults.

        truncate: cut what is too long. prompt: the name of one of `prompts`; None: the model's own choice.
        """
        faults: list[Fault] = []
        rows: list[Row | None] = [None] * len(texts)
        places, inputs = [], []
        for place, text in enumerate(texts):
            if isinstance(text, (str, tuple)):
                fault = self._unreadable(text, truncate)
                if fault:
                    faults.append(Fault(place, *fault))
                else:
                    places.append(place)
                    inputs.append(self.prepared(text, prompt) if isinstance(text, str) else text)
            else:
                rows[place] = self._given(place, text, truncate, faults)
        for place, encoding in zip(places, self._encoded(inputs, truncate), strict=True):
            rows[place] = self._row(place, encoding, faults)
        return [row for row in rows if row is not None], sorted(faults)

    def spans(self, texts: Sequence[str], *, truncate: bool = False) -> tuple[list[Row], list[Encoding], list[Fault]]:
        """The Rows of texts, and their encodings with offsets, which count characters of these texts."""
        faults = [
            Fault(place, *fault) for place, text in enumerate(texts) if (fault := self._unreadable(text, truncate))
        ]
        if faults:
            return [], [], faults
        encodings = (self._cutting if truncate else self._tokenizer).encode_batch(list(texts))
        rows = [self._row(place, encoding, faults) for place, encoding in enumerate(encodings)]
        return [row for row in rows if row is not None], encodings, faults

    def written(self, ids: Sequence[int], *, skip_marks: bool = False) -> str:
        """The text that token ids stand for. skip_marks: leave out the tokenizer's own."""
        text = self._tokenizer.decode(list(ids), skip_special_tokens=skip_marks)
        for spaced, close in CLEANED if self._clean_up else ():
            text = text.replace(spaced, close)
        return text

    def joined(self, words: Sequence[str]) -> str:
        """The text that tokens stand for."""
        decoder = self._tokenizer.decoder
        return " ".join(words) if decoder is None else decoder.decode(list(words))

    def prepared(self, text: str, prompt: str | None = None) -> str:
        """A text as the tokenizer gets it: the prompt before it, and what sentence-transformers does with both."""
        name = self._prompt if prompt is None else prompt
        whole = text if name is None else self.prompts[name] + text
        if self._strip:
            whole = whole.strip()
        return whole.lower() if self._lowercase else whole

    def _unreadable(self, text: str | tuple[str, str], truncate: bool) -> tuple[str, str, bool] | None:
        """What is wrong with a text before it is tokenized: for megabytes that would take seconds."""
        whole = text if isinstance(text, str) else "".join(text)
        if not whole.isascii() and any("\ud800" <= character <= "\udfff" for character in whole):
            return "text of Unicode characters", "half of a surrogate pair", False
        if len(whole) > self.max_tokens * self._longest and not truncate:
            return f"at most {self.max_tokens} tokens", f"{len(whole)} characters", True
        return None

    def _encoded(self, inputs: list[Any], truncate: bool) -> list[Encoding]:
        tokenizer = self._cutting if truncate else self._tokenizer
        return tokenizer.encode_batch_fast(inputs) if inputs else []

    def _row(self, place: int, encoding: Encoding, faults: list[Fault]) -> Row | None:
        count = len(encoding)
        if not 0 < count <= self.max_tokens:
            if count:
                faults.append(Fault(place, f"at most {self.max_tokens} tokens", f"{count} tokens", True))
            else:
                faults.append(Fault(place, "at least one token", "an empty text"))
            return None
        types = np.array(encoding.type_ids, np.uint8) if self._typed else None
        return Row(np.array(encoding.ids, np.int32), types if types is not None and types.any() else None)

    def _given(self, place: int, ids: Sequence[int], truncate: bool, faults: list[Fault]) -> Row | None:
        """Token ids of the caller's."""
        if not ids:
            faults.append(Fault(place, "at least one token", "an empty list"))
        elif max(ids) >= self.vocabulary_size:
            faults.append(Fault(place, f"token ids below {self.vocabulary_size}", str(max(ids))))
        elif len(ids) > self.max_tokens and not truncate:
            faults.append(Fault(place, f"at most {self.max_tokens} tokens", f"{len(ids)} tokens", True))
        else:
            return Row(np.array(ids[: self.max_tokens], np.int32))
        return None
