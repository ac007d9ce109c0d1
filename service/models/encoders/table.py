"""Encoders that answer as tables do: a text a row, or a pair of them.

class TextClassifier(EncoderTable):
    reads = ClassifierRuntime           # from numbers of the engine to what each output gives
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ...errors import StartupError
from ...scheduling.admission import RESERVED_THREADS
from ..stored_rows import proof_of
from ..tables.violations import Violations
from ..tabular import TabularModel
from .loading import open_encoder
from .tokens import Fault, Tokens

__all__ = ["EncoderRuntime", "EncoderTable"]


class EncoderRuntime(ABC):
    """An encoder as the runtime of a table (models.runtimes.Runtime): a text a row, or a pair of texts."""

    def __init__(self, tokens: Tokens, engine: Any, spec: dict[str, Any]) -> None:
        """engine: an EncoderEngine, or a RemoteEncoder. spec: of the manifest."""
        self.tokens, self.engine = tokens, engine
        self._column = spec["columns"][-1]["name"]

    def run(self, X: Any, methods: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """X: texts [rows], or [rows, 2]. Raises InvalidInstances for those that are too long, and what the engine
        raises.
        """
        rows, faults = self.tokens.rows(self.inputs(X))
        self.refuse(faults)
        return self.answers(self.engine.encode(rows, deadline), methods)

    def inputs(self, X: Any) -> list[Any]:
        """What the tokenizer gets for these rows."""
        return list(X)

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Raises InvalidInstances where there are any."""
        violations = Violations()
        for fault in faults:
            violations.add(fault.place, self._column, fault.expected, fault.got)
        violations.refuse()

    @abstractmethod
    def answers(self, logits: np.ndarray, methods: Sequence[str]) -> dict[str, Any]:
        """{method: what it gives} for float32 [rows, width] of the engine."""


class EncoderTable(TabularModel):
    """One loaded version of an encoder that answers as a table does."""

    min_threads = RESERVED_THREADS + 1
    has_queue = True
    made_for_texts = True
    reads: ClassVar[type[EncoderRuntime]]

    @classmethod
    def load(cls, version, settings):
        tokens, engine = open_encoder(version, settings)
        try:
            proof = proof_of(version)
        except ValueError as error:
            raise StartupError(f"{version} cannot be loaded: {error}") from error
        runtime = cls.reads(tokens, engine, version.manifest.spec)
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

    def shared_by(self, call: Any) -> None:
        """The engine lets requests share calls."""
        return

    def stop(self) -> None:
        self.runtime.engine.stop()
