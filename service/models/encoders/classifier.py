"""Texts in, labels out: to its callers a table of one column of texts, with labels and their probabilities.

model = TextClassifier.load(version, settings)
model.predict([["a fine film"]], ["predict", "predict_proba"]).outputs
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import StartupError
from ...scheduling.admission import RESERVED_THREADS
from ..tables.violations import Violations
from ..tabular import TabularModel, proof_of
from .loading import open_encoder
from .tokens import Tokens

__all__ = ["ClassifierRuntime", "TextClassifier", "scores"]

LIKELY = 0.5  # a label of several holds from this probability on


class TextClassifier(TabularModel):
    """One loaded version of an encoder with a head for classes of texts, or for a number."""

    min_threads = RESERVED_THREADS + 1
    has_queue = True
    made_for_texts = True

    @classmethod
    def load(cls, version, settings):
        tokens, engine = open_encoder(version, settings)
        try:
            proof = proof_of(version)
        except ValueError as error:
            raise StartupError(f"{version} cannot be loaded: {error}") from error
        runtime = ClassifierRuntime(tokens, engine, version.manifest.spec)
        return cls(version.manifest, runtime, proof, max_rows=settings.max_rows)

    @property
    def failure(self) -> str | None:
        return self.runtime.engine.failure

    def warm_up(self) -> None:
        if not self.runtime.engine.proven:  # once for each engine
            super().warm_up()
            self.runtime.engine.proven = True

    def optimize(self, settings):
        """The engine lets requests share calls."""

    def stop(self) -> None:
        self.runtime.engine.stop()


class ClassifierRuntime:
    """An encoder as the runtime of a table (models.runtimes.Runtime): a text a row."""

    def __init__(self, tokens: Tokens, engine: Any, spec: dict[str, Any]) -> None:
        self.tokens, self.engine = tokens, engine
        self._problem = spec["problem"]
        self._labels = np.array(spec["labels"], dtype=object)
        self._column = spec["columns"][0]["name"]

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """X: texts [rows]. Raises InvalidInstances for those that are too long, and what the engine raises."""
        rows, faults = self.tokens.rows(list(X))
        violations = Violations()
        for fault in faults:
            violations.add(fault.place, self._column, fault.expected, fault.got)
        violations.refuse()
        return self.answers(scores(self.engine.encode(rows, deadline), self._problem), methods)

    def answers(self, found: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
        """{method: what it gives for these scores}."""
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


def scores(logits: np.ndarray, problem: str) -> np.ndarray:
    """float32 [texts, labels] -> float64: probabilities as transformers' pipelines compute them, or the numbers."""
    numbers = logits.astype(np.float64)
    if problem == "regression":
        return numbers
    if problem == "multi_label_classification":
        return 1.0 / (1.0 + np.exp(-numbers))
    powers = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
