"""Texts in, entities out: spans of a text with a label each, as transformers' token classification gives them.

model = TokenClassifier.load(version, settings)
model.run(TokensCall(["Ada was here"])).values
# [[{"entity_group": "PER", "score": 0.99, "word": "Ada", "start": 0, "end": 3}]]
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import CLASSIFY_TOKENS, TokensCall
from .asked_texts import at_least_one, spans_of
from .entities import entities, pieces_of, softmax
from .text_model import PARAMETER, TextAnswer, TextModel

__all__ = ["TokenClassifier"]


class TokenClassifier(TextModel):
    """One loaded version of an encoder with a head for classes of tokens."""

    capabilities = (CLASSIFY_TOKENS,)

    def run(self, call: TokensCall, deadline: float | None = None) -> TextAnswer:
        """Raises as `TurnModel.run`, and ContextLengthExceeded for a text that is too long."""
        began = perf_counter()
        at_least_one(call.texts, PARAMETER)
        rows, encodings = spans_of(self.tokens, call.texts, PARAMETER, most=self.max_texts, truncate=call.truncate)
        tokenized = perf_counter()
        logits = self.engine.encode(rows, deadline)
        answered = perf_counter()
        ends = np.cumsum([len(row.ids) for row in rows])
        values = [
            self.entities(text, encoding, scores, call)
            for text, encoding, scores in zip(call.texts, encodings, np.split(logits, ends[:-1]), strict=True)
        ]
        seconds = {"tokenize": tokenized - began, "predict": answered - tokenized}
        return TextAnswer(values, seconds, (int(ends[-1]), 0))

    def entities(self, text: str, encoding: Any, logits: np.ndarray, call: TokensCall) -> list[dict[str, Any]]:
        """logits: float32 [tokens, labels]."""
        form = self.tokens.form
        pieces = pieces_of(text, encoding, softmax(logits), form)
        return entities(pieces, self.manifest.spec["labels"], call.aggregation, form, call.ignored)

    def answers(self, texts: Sequence[Any]) -> list[Any]:
        return self.run(TokensCall(texts, truncate=True)).values
