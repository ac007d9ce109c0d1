"""Texts in, labels out: to its callers a table of one column of texts, with labels and their probabilities.

model = TextClassifier.load(version, settings)
model.predict([["a fine film"]], ["predict", "predict_proba"]).outputs
model.run(ClassifyCall([("a film", "a fine one")])).scores          # float64 [1, labels]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from ...capabilities import ClassifyCall
from ...errors import InvalidParameters
from ..class_scores import scores
from ..tables.answer import TabularAnswer
from .asked_texts import fault, rows_of
from .table import EncoderRuntime, EncoderTable
from .tokens import Tokens

__all__ = ["ClassifierRuntime", "ClassifyAnswer", "TextClassifier"]

PARAMETER = "inputs"  # the texts, in errors
LIKELY = 0.5  # a label of several holds from this probability on


@dataclass(frozen=True)
class ClassifyAnswer:
    """logits: float64 [texts, labels], the network's own numbers. scores: the same, as transformers' pipelines read
    them. seconds: {stage: seconds}. tokens: (of the texts, none written)."""

    labels: Sequence[str]
    logits: np.ndarray
    scores: np.ndarray
    seconds: dict[str, float]
    tokens: tuple[int, int]
    warnings: tuple[str, ...] = ()


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

    def run(self, call: Any, deadline: float | None = None) -> ClassifyAnswer | TabularAnswer:
        """A ClassifyCall, or a TableCall. Raises as TabularModel.run, and ContextLengthExceeded for texts that are too
        long."""
        return self.classify(call, deadline) if isinstance(call, ClassifyCall) else super().run(call, deadline)

    def classify(self, call: ClassifyCall, deadline: float | None = None) -> ClassifyAnswer:
        """Raises as `run`."""
        began = perf_counter()
        spec = self.manifest.spec
        if not spec.get("pairs") and any(isinstance(text, tuple) for text in call.texts):
            expected = f"texts: {spec['architecture']} tells no two texts apart"
            raise InvalidParameters.naming([fault(PARAMETER, expected, "a pair of texts")])
        tokens = self.runtime.tokens
        rows = rows_of(tokens, call.texts, PARAMETER, most=self.max_rows, truncate=call.truncate)
        tokenized = perf_counter()
        logits = self.runtime.engine.encode(rows, deadline)
        seconds = {"tokenize": tokenized - began, "predict": perf_counter() - tokenized}
        found = scores(logits, spec["problem"])
        read = sum(len(row.ids) for row in rows)
        return ClassifyAnswer(spec["labels"], logits.astype(np.float64), found, seconds, (read, 0))
