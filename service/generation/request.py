"""The texts that one request lets a model write, together, until the last is done or nobody wants them any more.

    with Texts(generations, turn, caller) as texts:      # exchange.Exchange is such a caller
        for place, piece in texts.pieces(): ...          # (0, " there"), (1, "was"), ... (None, "") while nothing comes
    texts.close()                                        # from any thread, and more than once

One thread waits for all of them. It notices within a tenth of a second that the caller hung up, or that the
deadline has passed; the engine drops the rows within one step.
"""

from queue import Empty, SimpleQueue
from time import perf_counter

from ..errors import DeadlineExceeded

__all__ = ["Texts"]

LOOK = 0.1  # seconds between two looks whether the caller is still there


class Texts:
    """An open one holds a place in the worker (`turn`) and rows in the engine; close() gives both back."""

    def __init__(self, generations, turn, caller):
        """caller: has `deadline`, a `perf_counter()` moment or None, and `gone()`.

        Raises Overloaded or ModelNotReady where they cannot be started; then nothing is held.
        """
        self.generations, self._turn, self._caller = generations, turn, caller
        self._arrived = SimpleQueue()
        self._next_look = 0.0
        try:
            for place, generation in enumerate(generations):
                generation.start(self._arrived, place)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def pieces(self):
        """(place, text) as it comes, the text of the last one of a place perhaps empty; (None, "") in between.

        Raises DeadlineExceeded, and what the model raises; all the others end with it.
        """
        running = {place for place, one in enumerate(self.generations) if one.finish_reason is None}
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
                continue  # it stopped by itself, and the engine has told so too
            piece = self.generations[place].take(item)
            ended = self.generations[place].finish_reason is not None
            if ended:
                running.remove(place)
            yield (place, piece) if piece or ended else (None, "")

    def collect(self):
        """All of them to their end: a list of Completion. Raises as pieces()."""
        texts = [[] for _ in self.generations]
        with self:
            for place, piece in self.pieces():
                if piece:
                    texts[place].append(piece)
        return [one.completion("".join(text)) for one, text in zip(self.generations, texts, strict=True)]

    def cancel(self):
        """End them from any thread; whoever waits for their pieces gets their ends."""
        for generation in self.generations:
            generation.cancel()

    def close(self):
        for generation in self.generations:
            generation.close()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.leave()

    def _look(self):
        now = perf_counter()
        if self._caller.deadline is not None and now >= self._caller.deadline:
            raise DeadlineExceeded("the time that the caller waits was over before the text was written")
        if now >= self._next_look:
            self._next_look = now + LOOK
            if self._caller.gone():
                self.cancel()
