"""Steady load by Daylight's own client, whose callers are to notice nothing.

with Callers(url, "m") as load:
    ...
assert not load.failures
"""

import threading
from time import monotonic

from client import Client, DaylightError

__all__ = ["Callers"]


class Callers:
    """`threads` threads that share one Client and ask one row after the other.

    answers: (moment it was sent, seconds it took). failures: the DaylightErrors that reached a caller.
    """

    def __init__(self, url, model, *, row=(0.0,), threads=3):
        self.client, self.model, self.row = Client(url), model, list(row)
        self.answers, self.failures = [], []
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self.threads:
            thread.join(timeout=70)
            assert not thread.is_alive(), "a call hangs"
        self.client.close()

    def _ask(self):
        while not self._stop.is_set():
            began = monotonic()
            try:
                self.client.predict([self.row], self.model)
            except DaylightError as error:
                self.failures.append(error)
            else:
                self.answers.append((began, monotonic() - began))

    @property
    def worst(self):
        """Seconds that the slowest answer took."""
        return max(seconds for _, seconds in self.answers)

    def since(self, moment):
        """How many answers there are to what was asked after this moment."""
        return sum(sent > moment for sent, _ in list(self.answers))
