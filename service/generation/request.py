"""All completions of one request, from their start until the last one ends or the client disconnects.

    with GenerationRequest(generations, slot, context, cancellations) as request:
        for index, piece in request.pieces(): ...        # (0, " there"), (1, "was"), ... (None, "") in silence
    request.close()                                      # from any thread, and more than once

One thread waits for all completions. It notices within a tenth of a second that the client has disconnected or that
the deadline has passed; the engine then drops the rows within one step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from ..errors import DeadlineExceeded

if TYPE_CHECKING:
    from .completion import Completion, Generation

__all__ = ["GenerationRequest"]

CHECK_SECONDS = 0.1  # between two checks whether the client is still connected


class Slot(Protocol):
    """A held concurrency slot (scheduling.admission)."""

    def release(self) -> None: ...


class Context(Protocol):
    """What is read and written of a request's context (web.context). deadline: a `perf_counter()` moment, or None."""

    id: str
    key: str
    deadline: float | None
    generations: Sequence[Generation]

    def gone(self) -> bool: ...


class Cancellations(Protocol):
    """Where a running request is listed, so that it can be cancelled by its id (scheduling.cancellation)."""

    def listed(self, request_id: str, key: str, cancel: Callable[[], object], /) -> AbstractContextManager[None]: ...


class GenerationRequest:
    """Holds a concurrency slot, the engine's rows, and an entry among the cancellable requests, until close()."""

    def __init__(
        self, generations: Sequence[Generation], slot: Slot, context: Context, cancellations: Cancellations
    ) -> None:
        """Start the generations together. Raises Overloaded or ModelNotReady; then nothing is held."""
        self.generations, self._context = generations, context
        context.generations = generations
        self._outbox: SimpleQueue = SimpleQueue()  # of (index, token id, or None at the end, or an exception)
        self._next_check = 0.0
        self._closing = threading.Lock()
        self._resources = ExitStack()
        self._resources.callback(slot.release)
        try:
            for index, generation in enumerate(generations):
                self._resources.callback(generation.close)
                generation.start(self._outbox, index)
            # Only now: a sequence that is cancelled before it has started never reports its end.
            self._resources.enter_context(cancellations.listed(context.id, context.key, self.cancel))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> GenerationRequest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pieces(self) -> Iterator[tuple[int | None, str]]:
        """Yield (index of a completion, text) as it comes; (None, "") at least every tenth of a second without text.

        The last piece of a completion may be empty. Raises DeadlineExceeded, and what the engine raises for any of
        the completions.
        """
        running = {index for index, generation in enumerate(self.generations) if generation.finish_reason is None}
        while running:
            self._check_client()
            try:
                index, item = self._outbox.get(timeout=CHECK_SECONDS)
            except Empty:
                yield None, ""
                continue
            if isinstance(item, Exception):
                raise item
            if index not in running:
                continue  # it ended at a stop string, and the engine has reported the end as well
            generation = self.generations[index]
            piece = generation.take(item)
            ended = generation.finish_reason is not None
            if ended:
                running.remove(index)
            yield (index, piece) if piece or ended else (None, "")

    def collect(self) -> list[Completion]:
        """Wait for all completions, and close. Raises as pieces()."""
        texts: list[list[str]] = [[] for _ in self.generations]
        with self:
            for index, piece in self.pieces():
                if index is not None:
                    texts[index].append(piece)
        return [generation.completion("".join(text)) for generation, text in zip(self.generations, texts, strict=True)]

    def cancel(self) -> None:
        """End all completions, from any thread; pieces() then yields their ends."""
        for generation in self.generations:
            generation.cancel()

    def close(self) -> None:
        """Release everything held. The first call does; later calls, from any thread, do nothing."""
        with self._closing:
            resources = self._resources.pop_all()
        resources.close()

    def _check_client(self) -> None:
        now = perf_counter()
        if self._context.deadline is not None and now >= self._context.deadline:
            raise DeadlineExceeded("the request's deadline passed before the text was complete")
        if now >= self._next_check:
            self._next_check = now + CHECK_SECONDS
            if self._context.gone():
                self.cancel()
