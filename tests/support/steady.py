"""Steady load on a server while something happens to it: every answer is kept and judged afterwards.

with Steady(f"{server}/v1/models/m:predict") as load:
    ...
assert not load.failures
"""

import threading
from time import monotonic

import requests

__all__ = ["Steady"]


class Steady:
    """`threads` clients, each with one kept connection, asking one row after the other.

    answers: (moment it was sent, seconds it took, version, prediction). failures: (status or exception, text).
    """

    def __init__(self, url, row=(0.0,), threads=3):
        self.url, self.body = url, {"instances": [list(row)]}
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
            thread.join(timeout=60)
            assert not thread.is_alive(), "a request hangs"

    def _ask(self):
        with requests.Session() as session:
            while not self._stop.is_set():
                began = monotonic()
                try:
                    answer = session.post(self.url, json=self.body, timeout=30)
                except requests.RequestException as error:
                    self.failures.append((type(error).__name__, str(error)))
                    continue
                if answer.status_code != 200:
                    self.failures.append((answer.status_code, answer.text))
                    continue
                found = answer.json()
                told = (began, monotonic() - began, found["model_version"], found["predictions"][0])
                self.answers.append(told)

    def since(self, moment):
        """The versions of the answers to requests that were sent after this moment."""
        return [version for sent, _, version, _ in list(self.answers) if sent > moment]

    def worst(self, share=0.99):
        """Seconds that this share of the answers took at most."""
        taken = sorted(seconds for _, seconds, _, _ in self.answers)
        return taken[int(share * (len(taken) - 1))]
