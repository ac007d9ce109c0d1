"""Steady load on a server while something happens to it: every answer is kept and judged afterwards.

with SteadyRequests(f"{server}/v1/models/m:predict") as load:     # each request is sent once
with SteadyClient(server, "m") as load:                           # Daylight's client, which sends again
    ...
assert not load.failures
"""

import threading
from contextlib import ExitStack
from time import monotonic

import requests

from client import Client, DaylightError

__all__ = ["Steady", "SteadyClient", "SteadyRequests", "more_than"]


class Steady:
    """`threads` threads that ask for one row after the other until the block ends.

    answers: (moment it was sent, seconds it took, version, prediction). failures: what reached a caller otherwise.
    """

    def __init__(self, row, threads):
        self.row = list(row)
        self.answers, self.failures = [], []
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def connection(self):
        """A context manager around what a thread keeps for all its requests."""
        raise NotImplementedError

    def ask(self, connection):
        """One request: (version, prediction), or None after a failure was noted."""
        raise NotImplementedError

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self.threads:
            thread.join(timeout=70)
            assert not thread.is_alive(), "a request hangs"

    def _run(self):
        with self.connection() as connection:
            while not self._stop.is_set():
                began = monotonic()
                if answer := self.ask(connection):
                    self.answers.append((began, monotonic() - began, *answer))

    def since(self, moment):
        """The versions of the answers to requests that were sent after this moment."""
        return [version for sent, _, version, _ in list(self.answers) if sent > moment]

    def worst(self, share=1.0):
        """Seconds that this share of the answers took at most."""
        taken = sorted(seconds for _, seconds, _, _ in self.answers)
        return taken[int(share * (len(taken) - 1))]


class SteadyRequests(Steady):
    """Each thread has one kept connection and sends nothing again. failures: (status or exception's name, text)."""

    def __init__(self, url, row=(0.0,), threads=3):
        super().__init__(row, threads)
        self.url = url

    def connection(self):
        return requests.Session()

    def ask(self, session):
        try:
            answer = session.post(self.url, json={"instances": [self.row]}, timeout=30)
        except requests.RequestException as error:
            self.failures.append((type(error).__name__, str(error)))
            return None
        if answer.status_code != 200:
            self.failures.append((answer.status_code, answer.text))
            return None
        return answer.json()["model_version"], answer.json()["predictions"][0]


class SteadyClient(Steady):
    """The threads share one Client. failures: the DaylightErrors that it raised."""

    def __init__(self, url, model, *, row=(0.0,), threads=3):
        super().__init__(row, threads)
        self.client, self.model = Client(url), model

    def connection(self):
        return ExitStack()

    def ask(self, _):
        try:
            predictions = self.client.predict([self.row], self.model)
        except DaylightError as error:
            self.failures.append(error)
            return None
        return predictions.version, predictions[0]

    def __exit__(self, *error):
        super().__exit__(*error)
        self.client.close()


def more_than(load, seen):
    """A condition: whether there are more answers than those seen."""
    return lambda: len(load.answers) > seen
