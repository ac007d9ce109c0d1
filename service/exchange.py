"""What one request carries through the house: its id, the model it asks for, and where its time goes.

    exchange = Exchange("given-by-the-caller")
    exchange.lap("parse")
    exchange.headers()      # [("X-Request-ID", "given-by-the-caller"), ("Server-Timing", "parse;dur=0.021")]

It knows no framework: the WSGI layer makes one for every request and puts it into the environ.
"""

import os
import re
from time import perf_counter

__all__ = ["ENVIRON", "Exchange"]

ENVIRON = "daylight.exchange"
SOUND_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Exchange:
    """`id`: the caller's own where it is one. `seconds`: {stop: seconds}, empty until something was predicted."""

    __slots__ = ("_last", "began", "id", "model", "seconds")

    def __init__(self, given=None):
        self.began = self._last = perf_counter()
        self.id = given if given and SOUND_ID.fullmatch(given) else os.urandom(16).hex()
        self.model = "-"
        self.seconds = {}

    def start(self):
        """From here on time counts for the next lap."""
        self._last = perf_counter()

    def lap(self, stop):
        """What passed since the last lap was spent on `stop`."""
        now = perf_counter()
        self.seconds[stop] = now - self._last
        self._last = now

    def spent(self, seconds):
        """Of the lap that is running, these {stop: seconds} were measured by others."""
        self.seconds.update(seconds)
        self._last += sum(seconds.values())

    def headers(self):
        """The headers every answer has; Server-Timing, in milliseconds, only where something was predicted."""
        told = [("X-Request-ID", self.id)]
        if self.seconds:
            stops = ", ".join([f"{stop};dur={took * 1000:.3f}" for stop, took in self.seconds.items()])
            told.append(("Server-Timing", stops))
        return told
