"""Who may run now, and who is told to come back later.

generations = Generations(limit=6)
with generations.one(): ...             # raises Overloaded where six are inside already
"""

import math
import threading
from contextlib import contextmanager
from time import perf_counter

from service.errors import Overloaded

__all__ = ["Generations"]


class Generations:
    """At most `limit` generations running or waiting; the next one is told when to come back."""

    def __init__(self, limit):
        self.limit = limit
        self._inside = 0
        self._seconds = 1.0  # how long one takes, a running mean that forgets
        self._lock = threading.Lock()

    @contextmanager
    def one(self):
        with self._lock:
            if self._inside >= self.limit:
                raise Overloaded(
                    f"{self._inside} generations are running or waiting, which is all this worker takes",
                    retry_after=max(1, math.ceil(self._seconds)),
                )
            self._inside += 1
        began = perf_counter()
        try:
            yield
        finally:
            with self._lock:
                # Those inside run one at a time: what this one waited and ran, shared by all of them.
                self._seconds += 0.3 * ((perf_counter() - began) / self._inside - self._seconds)
                self._inside -= 1
