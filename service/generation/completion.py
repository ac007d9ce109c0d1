"""One completion: Generation while it is being generated, Completion once it is finished.

    generation = model.stream("Once upon a time", params)
    for piece in generation:
        print(piece, end="")
    generation.finish_reason, generation.completion_tokens      # "length", 64

Token ids come from the engine's Sequence; pieces of text go out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .detokenizer import Detokenizer
    from .sampling import TokenLogprobs
    from .sequence import TokenStream

__all__ = ["Completion", "Generation"]


@dataclass(frozen=True)
class Completion:
    """A finished generation. finish_reason: "stop" (end token or stop string), "length" or "cancelled".

    logprobs: one TokenLogprobs for each token of the text, if the request asked for them.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    logprobs: tuple[TokenLogprobs, ...] = ()


class Generation:
    """An iterator of non-empty pieces of text. It starts at start(), or when the first piece is asked for.

    finish_reason is None while it runs; then "stop", "length", or "cancelled" after close().
    completion_tokens counts every generated token, an end token included; first and last are the `perf_counter()`
    moments at which the first and the latest were taken.
    """

    def __init__(
        self, sequence: TokenStream, detokenizer: Detokenizer, *, prompt_tokens: int, eos_ids: Collection[int] = ()
    ) -> None:
        """sequence: from the engine; it is closed with this object. eos_ids: token ids that are no part of the text."""
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = 0
        self.first = self.last = 0.0
        self.finish_reason: str | None = None
        self._detokenizer = detokenizer
        self._eos_ids = eos_ids
        self._sequence, self._iterator = sequence, iter(sequence)

    def __iter__(self) -> Generation:
        return self

    def __next__(self) -> str:
        while self.finish_reason is None:
            try:
                token = next(self._iterator, None)
            except BaseException:
                self.close()
                raise
            if piece := self.take(token):
                return piece
        raise StopIteration

    def start(self, outbox: SimpleQueue | None = None, index: int = 0) -> None:
        """Submit the sequence to the engine, so that several run together. Raises Overloaded or ModelNotReady.

        outbox: a queue that gets (index, item) for `take`: token ids, None at the end, or an exception. With it, one
        thread can wait for many generations.
        """
        if outbox is not None:
            self._sequence.send_to(outbox, index)
        self._sequence.start()

    def take(self, token: int | None) -> str:
        """Take the next token id, or None at the end; return the text that is certain by now, often ""."""
        if token is None:
            return self._end("cancelled" if self._sequence.cancelled else "length")
        self.last = perf_counter()
        self.first = self.first or self.last
        self.completion_tokens += 1
        if token in self._eos_ids:
            return self._end("stop")
        piece = self._detokenizer.push(token)
        return piece + self._end("stop") if self._detokenizer.stopped else piece

    def logprobs(self, start: int = 0) -> tuple[TokenLogprobs, ...]:
        """TokenLogprobs of the tokens taken, from index `start` on, without those of end tokens."""
        logprobs = self._sequence.logprobs[start : self.completion_tokens]
        return tuple(each for each in logprobs if each.token not in self._eos_ids)

    def cancel(self) -> None:
        """End it from any thread: the thread that waits for its next piece gets the end, within one step."""
        self._sequence.close()

    def close(self) -> None:
        """End it now; harmless after the end."""
        self._sequence.close()
        self.finish_reason = self.finish_reason or "cancelled"

    def collect(self) -> Completion:
        """Run to the end. Raises PredictionFailed."""
        return self.completion("".join(self))

    def completion(self, text: str) -> Completion:
        """The finished Completion; `text` is its pieces joined. Call it after the end."""
        assert self.finish_reason is not None
        return Completion(text, self.finish_reason, self.prompt_tokens, self.completion_tokens, self.logprobs())

    def _end(self, reason: str) -> str:
        self._sequence.close()
        rest = self._detokenizer.flush()
        self.finish_reason = "stop" if self._detokenizer.stopped else reason
        return rest
