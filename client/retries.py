"""Whether a request is sent again, when, and how often: never more than the server can bear.

    Client(url, retries=Retries(4, patience=30))      # the default is Retries(2)
    Client(url, retries=Retries(0))                   # never
    client.predict(rows, timeout=2.5)                 # all tries and pauses together

Nothing that the routes of this client do changes the server, so all may be repeated; what an answer says, or its
absence, tells whether that can help. The pauses follow "exponential backoff with full jitter" (Marc Brooker, AWS
Architecture Blog, 2015). The budget is a bucket of tokens, as in Finagle's RetryBudget: a server in trouble is not
sent several times as much as before.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import ConnectError, ConnectionDropped, DaylightError, ServerError, TimedOut, TransportError, Unavailable

__all__ = ["Retries"]

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.1  # seconds; the range of pauses doubles with every try ...
LONGEST_PAUSE = 5.0  # ... up to this
GATEWAY = (502, 504)  # a proxy's words for a worker that died, or for a time that was up


class Retries:
    """The rules of one client, shared by its threads.

    times: how often one request is sent again at most. patience: the longest Retry-After, in seconds, that is waited
    for; a longer one is the caller's to plan for, and raised at once. share, burst: of the requests, this share
    may be sent again, and `burst` more at once. clock, sleep, random: callables, for tests.

    Sent again are requests that found no connection, whose connection broke before the answer was whole (once
    only: a request that kills its worker shall not kill them all), and those answered 429, 502, 503 or 504. A
    kept connection that the server closed in the moment it was used counts as such a break, and costs neither pause
    nor budget. A server that was silent for too long (TimedOut) has got its time, and gets no second.
    """

    def __init__(
        self,
        times: int = 2,
        *,
        patience: float = 10.0,
        share: float = 0.1,
        burst: int = 10,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.times, self.patience, self.share, self.burst = times, patience, share, burst
        self.clock, self.sleep, self.random = clock, sleep, random
        self._tokens = float(burst)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Retries({self.times}, patience={self.patience:g}, share={self.share:g}, burst={self.burst})"

    def until(self, seconds: float | None) -> float | None:
        """The moment at which a call of so many seconds is over; None where it has no limit. Raises ValueError."""
        if seconds is None:
            return None
        if not 0 < seconds < math.inf:
            raise ValueError(f"timeout={seconds!r}: expected seconds, more than 0")
        return self.clock() + seconds

    def left(self, ends: float | None) -> float | None:
        """Seconds until that moment; None without one. Raises TimedOut where it has passed."""
        if ends is None:
            return None
        left = ends - self.clock()
        if left <= 0:
            raise TimedOut("the time for the whole call was over before the request was sent")
        return left

    def call(self, send: Callable[[float | None], Answer], ends: float | None = None) -> Answer:
        """send(seconds left, or None) -> what it returns, of the first try that returns.

        Raises the error of the last try: as soon as it is no use to try again, or there is no time or budget for it.
        """
        self._earn()
        tries, broken = 0, False
        while True:
            try:
                return send(self.left(ends))
            except ConnectionDropped:
                if broken:
                    raise
                broken = True
                continue
            except (TransportError, Unavailable, ServerError) as error:
                breaks = type(error) is TransportError
                pause = self._pause(error, tries)
                if tries >= self.times or pause is None or (breaks and broken):
                    raise
                if (ends is not None and self.clock() + pause >= ends) or not self._spend():
                    raise
                tries, broken = tries + 1, broken or breaks
            self.sleep(pause)

    def _pause(self, error: DaylightError, tries: int) -> float | None:
        """Seconds until the next try, or None where there shall be none."""
        useful = isinstance(error, (ConnectError, Unavailable)) or type(error) is TransportError
        if not useful and not (isinstance(error, ServerError) and error.status in GATEWAY):
            return None
        wait = error.retry_after or 0.0
        if wait > self.patience:
            return None
        return wait + self.random() * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**tries)

    def _earn(self) -> None:
        with self._lock:
            self._tokens = min(float(self.burst), self._tokens + self.share)

    def _spend(self) -> bool:
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
