"""Pairs of texts in, a number each out: how well the second answers the first. Cross-encoders do that.

    model = TextReranker.load(version, settings)
    model.run(RerankCall("why is the sky blue?", ["It scatters light.", "Rome"])).scores     # [0.98, 0.003]

As a table it has two columns, query and text, and gives what sentence-transformers' `CrossEncoder.predict` gives: the
network's number, or a function of it that its folder names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import PREDICT_TABLE, RERANK_TEXT, RerankCall
from ..tables.answer import TabularAnswer
from .asked_texts import at_least_one, rows_of
from .table import EncoderRuntime, EncoderTable
from .tokens import Tokens

__all__ = ["ACTIVATIONS", "PARAMETER", "RerankAnswer", "RerankerRuntime", "TextReranker"]

PARAMETER = "texts"  # in errors


def sigmoid(numbers: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * numbers))  # which no large number overflows


# What may be made of the network's number, by the names of torch's classes in lower case.
ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda numbers: numbers,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class RerankAnswer:
    """logits: float64 [texts], the network's own numbers. seconds: {stage: seconds}. tokens: (of all pairs, none
    written)."""

    logits: np.ndarray
    seconds: dict[str, float]
    tokens: tuple[int, int]
    warnings: tuple[str, ...] = ()

    @property
    def scores(self) -> np.ndarray:
        """float64 [texts], from 0 to 1."""
        return sigmoid(self.logits)

    @property
    def order(self) -> list[int]:
        """Places of the texts, the best first; of equal ones, the first."""
        return np.argsort(-self.logits, kind="stable").tolist()


class RerankerRuntime(EncoderRuntime):
    """A number for each pair."""

    def __init__(self, tokens: Tokens, engine: Any, spec: dict[str, Any]) -> None:
        super().__init__(tokens, engine, spec)
        self._activation = ACTIVATIONS[spec["activation"]]

    def inputs(self, X: Any) -> list[Any]:
        """X: object [rows, 2]."""
        return list(map(tuple, X.tolist()))

    def answers(self, logits: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
        return {"predict": self._activation(logits[:, 0].astype(np.float64))}


class TextReranker(EncoderTable):
    """One loaded version of a cross-encoder."""

    capabilities = (RERANK_TEXT, PREDICT_TABLE)
    reads = RerankerRuntime

    def run(self, call: Any, deadline: float | None = None) -> RerankAnswer | TabularAnswer:
        """A RerankCall, or a TableCall. Raises as TabularModel.run, and ContextLengthExceeded for pairs that are too
        long."""
        return self.rank(call, deadline) if call.capability is RERANK_TEXT else super().run(call, deadline)

    def rank(self, call: RerankCall, deadline: float | None = None) -> RerankAnswer:
        """Raises as `run`."""
        began = perf_counter()
        at_least_one(call.texts, PARAMETER)
        pairs = [(call.query, text) for text in call.texts]
        rows = rows_of(self.runtime.tokens, pairs, PARAMETER, most=self.max_rows, truncate=call.truncate)
        tokenized = perf_counter()
        logits = self.runtime.engine.encode(rows, deadline)[:, 0].astype(np.float64)
        seconds = {"tokenize": tokenized - began, "predict": perf_counter() - tokenized}
        return RerankAnswer(logits, seconds, (sum(len(row.ids) for row in rows), 0))
