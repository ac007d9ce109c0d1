"""Texts in, vectors out.

model = TextEmbedder.load(version, settings)
model.run(EmbedCall(["a text", "another"])).vectors      # float32 [2, 384]
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import EMBED_TEXT, EmbedCall
from ...errors import InvalidParameters
from .asked_texts import fault, rows_of
from .text_model import TextModel

__all__ = ["EmbedAnswer", "TextEmbedder"]

REPLAYED = 1e-3  # how far another processor's rounding may move a number, as a part of the vector's length
PARAMETER = "input"  # the texts, in errors


@dataclass(frozen=True)
class EmbedAnswer:
    """vectors: float32 [texts, dimensions]. seconds: {stage: seconds}. tokens: (of the texts, none written)."""

    vectors: np.ndarray
    seconds: dict[str, float]
    tokens: tuple[int, int]
    warnings: tuple[str, ...] = ()


class TextEmbedder(TextModel):
    """One loaded version of an encoder that embeds texts."""

    capabilities = (EMBED_TEXT,)

    @property
    def dimension(self) -> int:
        return self.manifest.spec["dimension"]

    @property
    def _normalized(self) -> bool:
        return self.manifest.spec["normalized"]

    def run(self, call: EmbedCall, deadline: float | None = None) -> EmbedAnswer:
        """Raises as `TurnModel.run`, and ContextLengthExceeded for a text that is too long."""
        began = perf_counter()
        self._check(call)
        most = self.max_texts
        rows = rows_of(self.tokens, call.texts, PARAMETER, most=most, truncate=call.truncate, prompt=call.prompt)
        tokenized = perf_counter()
        vectors = self.engine.encode(rows, deadline)
        if call.dimensions is not None:
            vectors = vectors[:, : call.dimensions]
        if call.normalize or (call.normalize is None and self._normalized and call.dimensions is not None):
            vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        seconds = {"tokenize": tokenized - began, "predict": perf_counter() - tokenized}
        return EmbedAnswer(vectors, seconds, (sum(len(row.ids) for row in rows), 0))

    def _check(self, call: EmbedCall) -> None:
        faults = []
        if call.dimensions is not None and not 1 <= call.dimensions <= self.dimension:
            faults.append(fault("dimensions", f"a whole number from 1 to {self.dimension}", call.dimensions))
        if call.normalize is False and self._normalized:
            faults.append(fault("normalize", "true: the model's vectors have the length 1", False))
        if call.prompt is not None and call.prompt not in self.tokens.prompts:
            known = ", ".join(self.tokens.prompts) or "none: the model has no prompts"
            faults.append(fault("prompt_name", known, call.prompt))
        if not call.texts:
            faults.append(fault(PARAMETER, "at least one text", "none"))
        if faults:
            raise InvalidParameters.naming(faults)

    def answers(self, texts: list[Any]) -> list[Any]:
        return list(self.run(EmbedCall(texts, truncate=True)).vectors)

    def fits(self, given: list[Any], expected: list[Any]) -> bool:
        vectors, wanted = np.array(given), np.array(expected)
        return vectors.shape == wanted.shape and np.abs(vectors - wanted).max() <= REPLAYED * np.linalg.norm(wanted)

    def answer_sample(self, items: list[Any]) -> list[Any]:
        return np.round(np.array(self.answers(items)).astype(float), 4).tolist()
