"""A version's engine in the engine process, as a model of a worker uses it: one of sequences, or one of whole texts.

client.open("smollm2", "1", RemoteEngine)       # its generate, submit and withdraw are those of an Engine
client.open("minilm", "1", RemoteEncoder)       # its encode is that of an EncoderEngine
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelNotReady
from ...generation.encoders.work import Row
from ...generation.params import SamplingParams
from ...generation.sequence import TokenStream
from .protocol import error_from, logprobs_from, rows_value

if TYPE_CHECKING:
    from .client import EngineClient

__all__ = ["RETRY_AFTER", "Remote", "RemoteEncoder", "RemoteEngine", "RemoteSequence"]

RETRY_AFTER = 2  # seconds, while the engine is started again


class Remote:
    """A version in the other process, whatever its engine does.

    capacity: tokens that one sequence, or one request of texts, may take. failure: why it serves nothing now, or None.
    proven: whether a worker has replayed the version's example.
    """

    def __init__(self, client: EngineClient, handle: int, model: str, version: str) -> None:
        self.client, self.handle = client, handle
        self.model, self.version = model, version
        self.capacity = 0
        self.failure: str | None = "the engine is being opened"
        self._proven = False
        self._stopping = False
        weakref.finalize(self, client.tell, {"do": "close", "handle": handle}).atexit = False

    def __str__(self) -> str:
        return f"{self.model} version {self.version}"

    def opened(self, capacity: int, *, proven: bool) -> None:
        self.capacity, self.failure = capacity, None
        self._proven = self._proven or proven

    @property
    def proven(self) -> bool:
        return self._proven

    @proven.setter
    def proven(self, value: bool) -> None:
        self._proven = value
        self.client.tell({"do": "proven", "handle": self.handle})

    def check(self) -> None:
        """Raises ModelNotReady where nothing can be asked of it now."""
        if self.failure or self._stopping:
            raise ModelNotReady(self.failure or "the engine is stopping", retry_after=RETRY_AFTER)


class RemoteEncoder(Remote):
    """The engine of an encoder, as generation.encoders.engine.EncoderEngine has it."""

    def encode(self, rows: Sequence[Row], deadline: float | None = None) -> np.ndarray:
        """As EncoderEngine.encode."""
        self.check()
        lengths, typed, attached = rows_value(rows)
        seconds = None if deadline is None else deadline - perf_counter()
        message = {"lengths": lengths, "typed": typed, "seconds": seconds}
        return self.client.encode(self, message, attached, deadline)

    def stop(self) -> None:
        """Nothing can be asked of it afterwards; what is being answered has its end within a batch."""
        self._stopping = True


class RemoteEngine(Remote):
    """The engine of a text generator, as generation.engine.Engine has it."""

    def __init__(self, client: EngineClient, handle: int, model: str, version: str) -> None:
        super().__init__(client, handle, model, version)
        self._running: weakref.WeakSet[RemoteSequence] = weakref.WeakSet()

    def generate(
        self, prompt_ids: list[int], params: SamplingParams, eos_ids: Collection[int] = (), grammar: str | None = None
    ) -> RemoteSequence:
        """As Engine.generate; what is wrong with the grammar is raised by the sequence's start."""
        return RemoteSequence(self, prompt_ids, params, eos_ids, grammar)

    def submit(self, sequence: RemoteSequence) -> None:
        """As Engine.submit."""
        self.check()
        self._running.add(sequence)
        self.client.start(sequence)

    def withdraw(self, sequence: RemoteSequence) -> None:
        """As Engine.withdraw."""
        self.client.cancel(sequence.number)

    def stop(self) -> None:
        """End every sequence of this worker, as cancelled; none can be submitted afterwards."""
        self._stopping = True
        for sequence in list(self._running):
            sequence.close()


class RemoteSequence(TokenStream):
    """A sequence that the other process generates."""

    def __init__(
        self,
        engine: RemoteEngine,
        prompt_ids: list[int],
        params: SamplingParams,
        eos_ids: Collection[int],
        grammar: str | None,
    ) -> None:
        super().__init__(engine, params, params.end_ids(eos_ids))
        self.engine = engine  # it stays open for as long as this runs
        self.number = 0  # once it is submitted
        self.prompt_ids, self.eos_ids, self.grammar = prompt_ids, eos_ids, grammar

    def received(self, token: int | None, more: Any) -> None:
        """Of an item of "progress"."""
        if token is None:
            self.finish(None if more is None else error_from(more))
            return
        if more is not None:
            self.logprobs.append(logprobs_from(more))
        self.put(token)
