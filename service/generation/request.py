"""All completions of one request, from its start until the last one ends or the client has gone.

    with GenerationRequest(generations, slot, context, cancellations) as request:
        for place, piece in request.pieces(): ...        # (0, " there"), (1, "was"), ... (None, "") while nothing comes
    request.close()                                      # from any thread, and more than once

One thread waits for all completions. It notices within a tenth of a second that the client hung up, or that the
deadline has passed; the engine drops the rows within one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from ..errors import DeadlineExceeded

__all__ = ["GenerationRequest"]

LOOK = 0.1  # seconds between two looks whether the client is still there


class GenerationRequest:
    """An open one holds a slot of the worker, rows of the engine, and its place in the list of what can be cancelled.

    close() gives all three back.
    """

    def __init__(self, generations: Sequence[Any], slot: Any, context: Any, cancellations: Any) -> None:
        """Start the generations together.

        slot: of scheduling.admission. context: the RequestContext: its `deadline`, `gone()`, `id` and `key` are read.
        cancellations: of scheduling.cancellation. Raises Overloaded or ModelNotReady where they cannot be started;
        then nothing is held.
        """
        self.generations, self._context = generations, context
        self._arrived: SimpleQueue = SimpleQueue()
        self._next_look = 0.0
        self._held = ExitStack()
        self._held.callback(slot.release)
        for generation in generations:
            self._held.callback(generation.close)
        try:
            self._held.enter_context(cancellations.listed(context.id, context.key, self.cancel))
            for place, generation in enumerate(generations):
                generation.start(self._arrived, place)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> GenerationRequest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pieces(self) -> Iterator[tuple[int | None, str]]:
        """(place, text) as it comes, the text of the last one of a place perhaps empty; (None, "") in between.

        Raises DeadlineExceeded, and what the model raises; all other completions end with it.
        """
        running = {place for place, generation in enumerate(self.generations) if generation.finish_reason is None}
        while running:
            self._look()
            try:
                place, item = self._arrived.get(timeout=LOOK)
            except Empty:
                yield None, ""
                continue
            if isinstance(item, Exception):
                raise item
            if place not in running:
                continue  # it stopped by itself, and the engine has reported that as well
            generation = self.generations[place]
            piece = generation.take(item)
            ended = generation.finish_reason is not None
            if ended:
                running.remove(place)
            yield (place, piece) if piece or ended else (None, "")

    def collect(self) -> list[Any]:
        """Wait for all completions to end: a list of Completion. Raises as pieces()."""
        texts: list[list[str]] = [[] for _ in self.generations]
        with self:
            for place, piece in self.pieces():
                if place is not None and piece:
                    texts[place].append(piece)
        return [generation.completion("".join(text)) for generation, text in zip(self.generations, texts, strict=True)]

    def cancel(self) -> None:
        """End all completions from any thread; the thread that waits for their pieces sees their ends."""
        for generation in self.generations:
            generation.cancel()

    def close(self) -> None:
        """Give back what is held; only the first call does."""
        self._held.pop_all().close()

    def _look(self) -> None:
        now = perf_counter()
        if self._context.deadline is not None and now >= self._context.deadline:
            raise DeadlineExceeded("the request's deadline passed before the text was complete")
        if now >= self._next_look:
            self._next_look = now + LOOK
            if self._context.gone():
                self.cancel()
