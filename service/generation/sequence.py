"""One completion as token ids: its consumer iterates it, the engine appends to it.

sequence = engine.generate([504, 1418], SamplingParams(max_tokens=8), eos_ids={2})
sequence.start()                      # now, or at its first token; raises Overloaded
for token in sequence: ...            # each as soon as it is generated; an end token is the last
sequence.close()                      # from any thread: the engine drops it within one step
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from .sampling import Sampler, TokenLogprobs, token_logprobs
from .suspects import prompt_digest

if TYPE_CHECKING:
    from .constraint import Guide
    from .params import SamplingParams

__all__ = ["Sequence", "TokenStream"]

END = None  # what a consumer gets after the last token


class Submits(Protocol):
    """What a sequence asks of its engine."""

    def submit(self, sequence: Any) -> None: ...

    def withdraw(self, sequence: Any) -> None: ...


class TokenStream:
    """An iterator of token ids, for one consumer: what is common to a Sequence and to one in another process.

    logprobs: a TokenLogprobs for each generated token, if params.logprobs asks for them.
    """

    def __init__(self, engine: Submits, params: SamplingParams, end_ids: Collection[int]) -> None:
        """end_ids: the first of these that is generated ends the sequence."""
        self.params = params
        self.end_ids = end_ids
        self.logprobs: list[TokenLogprobs] = []
        self.cancelled = False
        self.started = False
        self._engine = engine
        self._outbox: SimpleQueue = SimpleQueue()
        self.put: Callable[[int | Exception | None], None] = self._outbox.put
        self._open = True

    # --- for the consumer

    def start(self) -> None:
        """Submit it to the engine. Raises Overloaded or ModelNotReady."""
        if not (self.started or self.cancelled):
            self._engine.submit(self)
            self.started = True

    def send_to(self, outbox: SimpleQueue, index: int) -> None:
        """Put (index, item) into this queue instead of being iterated: token ids, then None or an exception."""
        self.put = lambda item: outbox.put((index, item))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        """Wait for the next token id. Raises what start() and a Sampler do."""
        if self.cancelled or not self._open:
            raise StopIteration
        self.start()
        item = self._outbox.get()
        if isinstance(item, int) and not self.cancelled:
            return item
        self._open = False
        if isinstance(item, Exception):
            raise item
        raise StopIteration

    def close(self) -> None:
        """Cancel it, from any thread; harmless after the end."""
        if not self.cancelled:
            self.cancelled = True
            self._engine.withdraw(self)

    # --- for the engine

    def finish(self, error: Exception | None = None) -> None:
        """Tell the consumer that it has ended, and why, if it failed."""
        self.put(END if error is None else error)


class Sequence(TokenStream):
    """A TokenStream and its sampler, for an engine in this process.

    reserved: tokens that the prompt and the completion may take together.
    """

    def __init__(
        self,
        engine: Submits,
        prompt_ids: list[int],
        params: SamplingParams,
        end_ids: Collection[int],
        guide: Guide | None = None,
    ) -> None:
        """prompt_ids: at least one id."""
        super().__init__(engine, params, end_ids)
        self.prompt_tokens = self.length = len(prompt_ids)
        self.reserved = len(prompt_ids) + params.max_tokens
        self._sampler = Sampler(params, prompt_ids, guide)
        self._ids = np.empty(self.reserved, np.int32)
        self._ids[: len(prompt_ids)] = prompt_ids
        self.digest = prompt_digest(self._ids[: len(prompt_ids)])

    @property
    def ids(self) -> np.ndarray:
        """The prompt and the tokens generated so far: int32 array."""
        return self._ids[: self.length]

    def advance(self, logits: np.ndarray) -> bool:
        """Sample the next token from its logits [vocabulary]. Returns whether it is the last.

        Raises what a Sampler does.
        """
        token = self._sampler(logits)
        if self.params.logprobs is not None:
            self.logprobs.append(token_logprobs(logits, token, self.params.logprobs))
        self._ids[self.length] = token
        self.length += 1
        self.put(token)
        return token in self.end_ids or self.length == self.reserved
