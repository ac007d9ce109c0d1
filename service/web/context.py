"""What one request carries through the house: its id, its deadline, the model it asks for, and where its time goes.

    exchange = Exchange("given-by-the-caller")
    exchange.lap("parse")
    exchange.headers()      # [("X-Request-ID", "given-by-the-caller"), ("Server-Timing", "parse;dur=0.021")]

It knows no framework: the WSGI layer makes one for every request and puts it into the environ.
"""

import os
import re
import select
import socket
from time import perf_counter

from ..errors import RequestError

__all__ = ["ENVIRON", "LONGEST", "Exchange"]

ENVIRON = "daylight.exchange"
SOUND_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,9})?")
LONGEST = 86_400  # seconds of X-Request-Timeout; whoever waits longer needs no limit


class Exchange:
    """`id`: the caller's own where it is one. `seconds`: {stop: seconds}, empty until something was predicted.

    `began`: the `perf_counter()` moment at which a thread took the request. `deadline`: None, or such a moment at
    which the caller stops waiting. `key`: the name of the caller's API key, "" without one. `allowed`: whether
    the caller may see what the models are. `route`: the pattern that the path matched, "-" where none did.
    `socket`: the caller's connection, or None. `media_type`: of the answer. `refused`: the code of the error that was
    answered. `tokens`: (of prompts, of completions).
    """

    __slots__ = (
        "_last",
        "allowed",
        "began",
        "deadline",
        "id",
        "key",
        "media_type",
        "model",
        "more",
        "refused",
        "route",
        "seconds",
        "socket",
        "tokens",
    )

    def __init__(self, given=None):
        self.began = self._last = perf_counter()
        self.id = given if given and SOUND_ID.fullmatch(given) else os.urandom(16).hex()
        self.deadline = None
        self.allowed = True
        self.key = self.refused = ""
        self.media_type = "application/json"
        self.model = self.route = "-"
        self.seconds = {}
        self.socket = None
        self.tokens = None
        self.more = ()  # headers that the gate adds to the answer

    def until(self, told):
        """Set the deadline from X-Request-Timeout. Raises RequestError where that is no number of seconds."""
        if not SECONDS.fullmatch(told) or not 0 < float(told) <= LONGEST:
            raise RequestError(f"X-Request-Timeout: expected seconds, more than 0 and at most {LONGEST}")
        self.deadline = self.began + float(told)

    def gone(self):
        """Whether the caller has hung up; bytes of a next request say nothing about it."""
        if type(self.socket) is not socket.socket:  # none, or one of another kind, which cannot be looked into
            return False
        try:
            readable = select.poll()
            readable.register(self.socket, select.POLLIN)
            return bool(readable.poll(0)) and self.socket.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

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

    def wrote(self, prompt_tokens, completion_tokens):
        """Tokens read and written for this request, for the counters; a stream tells them when it ends."""
        before = self.tokens or (0, 0)
        self.tokens = (before[0] + prompt_tokens, before[1] + completion_tokens)

    def headers(self):
        """The headers every answer has; Server-Timing, in milliseconds, only where something was predicted."""
        told = [("X-Request-ID", self.id), *self.more]
        if self.seconds:
            stops = ", ".join([f"{stop};dur={took * 1000:.3f}" for stop, took in self.seconds.items()])
            told.append(("Server-Timing", stops))
        return told
