"""Texts in, vectors out.

model = TextEmbedder.load(version, settings)
model.run(EmbedCall(["a text", "another"])).vectors      # float32 [2, 384]
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...capabilities import EMBED_TEXT, EmbedCall
from ...errors import InvalidParameters, ServiceError, StartupError
from ...scheduling.admission import RESERVED_THREADS
from ..base import TurnModel
from .asked_texts import fault, rows_of
from .loading import open_encoder
from .tokens import Tokens

if TYPE_CHECKING:
    from ...settings import Settings
    from ...store.manifest import Manifest
    from ...store.versions import StoredVersion

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


class TextEmbedder(TurnModel):
    """One loaded version of an encoder that embeds texts."""

    capabilities = (EMBED_TEXT,)
    min_threads = RESERVED_THREADS + 1
    has_queue = True

    def __init__(self, manifest: Manifest, tokens: Tokens, engine: Any, settings: Settings) -> None:
        """engine: an EncoderEngine or a RemoteEncoder."""
        super().__init__(manifest)
        self.tokens, self.engine = tokens, engine
        self.dimension: int = manifest.spec["dimension"]
        self._normalized: bool = manifest.spec["normalized"]
        self._max_texts = settings.max_rows

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> TextEmbedder:
        return cls(version.manifest, *open_encoder(version, settings), settings)

    @property
    def failure(self) -> str | None:
        return self.engine.failure

    def run(self, call: EmbedCall, deadline: float | None = None) -> EmbedAnswer:
        """Raises as `TurnModel.run`, and ContextLengthExceeded for a text that is too long."""
        began = perf_counter()
        self._check(call)
        most = self._max_texts
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

    def warm_up(self) -> None:
        """Embed the stored example; once for each engine. Raises StartupError where the vector is another."""
        if self.engine.proven:
            return
        example = self.manifest.example
        expected = np.array(example["predictions"])
        try:
            vectors = self.run(EmbedCall(example["instances"])).vectors
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if vectors.shape != expected.shape or np.abs(vectors - expected).max() > REPLAYED * np.linalg.norm(expected):
            raise StartupError(f"{self.name} version {self.version} gives its own example another vector")
        self.engine.proven = True

    def stop(self) -> None:
        self.engine.stop()

    def sample(self) -> list[Any]:
        return self.manifest.example["instances"]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        return np.round(self.run(EmbedCall(items)).vectors.astype(float), 4).tolist()
