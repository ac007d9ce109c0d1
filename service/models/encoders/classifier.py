"""Texts in, labels out: to its callers a table of one column of texts, with labels and their probabilities.

model = TextClassifier.load(version, settings)
model.predict([["a fine film"]], ["predict", "predict_proba"]).outputs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .table import EncoderRuntime, EncoderTable
from .tokens import Tokens

__all__ = ["ClassifierRuntime", "TextClassifier", "scores"]

LIKELY = 0.5  # a label of several holds from this probability on


class ClassifierRuntime(EncoderRuntime):
    """Labels and their probabilities, or numbers."""

    def __init__(self, tokens: Tokens, engine: Any, spec: dict[str, Any]) -> None:
        super().__init__(tokens, engine, spec)
        self._problem = spec["problem"]
        self._labels = np.array(spec["labels"], dtype=object)

    def answers(self, logits: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
        found = scores(logits, self._problem)
        if self._problem == "regression":
            return {"predict": found[:, 0] if found.shape[1] == 1 else found}
        given: dict[str, Any] = {}
        if "predict" in methods:
            if self._problem == "single_label_classification":
                given["predict"] = self._labels[found.argmax(axis=1)]
            else:
                given["predict"] = np.empty(len(found), dtype=object)
                given["predict"][:] = [self._labels[row >= LIKELY].tolist() for row in found]
        if "predict_proba" in methods:
            given["predict_proba"] = found
        return given


class TextClassifier(EncoderTable):
    """One loaded version of an encoder with a head for classes of texts, or for a number."""

    reads = ClassifierRuntime


def scores(logits: np.ndarray, problem: str) -> np.ndarray:
    """float32 [texts, labels] -> float64: probabilities as transformers' pipelines compute them, or the numbers."""
    numbers = logits.astype(np.float64)
    if problem == "regression":
        return numbers
    if problem == "multi_label_classification":
        return 1.0 / (1.0 + np.exp(-numbers))
    powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
