"""Retries: whether, when and how often a request is sent again, within a budget.

    Client(url, retries=Retries(4, patience=30))      # the default is Retries(2)
    Client(url, retries=Retries(0))                   # never
    client.predict(rows, timeout=2.5)                 # all tries and pauses together

No route that this client calls changes the server, so every request is safe to repeat. The answer, or the kind of
failure, decides whether a repetition can help. The pauses follow "exponential backoff with full jitter" (Marc Brooker,
AWS Architecture Blog, 2015). The budget is a token bucket, as in Finagle's RetryBudget: it keeps retries from
multiplying the load of a server in trouble.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from .calls import Answer, Call, Pause, Request
from .errors import ConnectError, ConnectionDropped, DaylightError, ServerError, TimedOut, TransportError, Unavailable

__all__ = ["Retries"]

FIRST_PAUSE = 0.1  # seconds; the upper limit of the random pause, which doubles with every try ...
LONGEST_PAUSE = 5.0  # ... up to this
GATEWAY_STATUSES = (502, 504)  # from a proxy: the worker died, or the proxy's timeout passed


class Retries:
    """The rules of one client, shared by its threads or tasks.

    times: retries of one request at most. patience: the longest Retry-After, in seconds, that the client waits for;
    a longer one is raised to the caller at once. share, burst: the budget; retries may be this share of all requests,
    and `burst` more. clock, sleep, random: callables, for tests.

    A request is retried if there was no connection, if it was answered 429, 502, 503 or 504, or if the connection
    broke before the answer was complete. The last is retried once only, because a request that kills its worker
    would otherwise kill several. A kept connection that the server closed at the moment of use counts as such a
    break, but costs neither pause nor budget. A server that was silent for too long (TimedOut) is not asked again.
    """

    def __init__(
        self,
        times: int = 2,
        *,
        patience: float = 10.0,
        share: float = 0.1,
        burst: int = 10,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] | None = None,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.times, self.patience, self.share, self.burst = times, patience, share, burst
        self.clock, self.sleep, self.random = clock, sleep, random
        self._tokens = float(burst)
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Retries({self.times}, patience={self.patience:g}, share={self.share:g}, burst={self.burst})"

    def until(self, seconds: float | None) -> float | None:
        """The deadline, by `clock`, of a call that may take so many seconds; None for None. Raises ValueError."""
        if seconds is None:
            return None
        if not 0 < seconds < math.inf:
            raise ValueError(f"timeout={seconds!r}: expected seconds, more than 0")
        return self.clock() + seconds

    def left(self, deadline: float | None) -> float | None:
        """Seconds until the deadline; None for None. Raises TimedOut if it has passed."""
        if deadline is None:
            return None
        seconds_left = deadline - self.clock()
        if seconds_left <= 0:
            raise TimedOut("the time for the whole call was over before the request was sent")
        return seconds_left

    def tries(self, request: Callable[[float | None], Request], deadline: float | None = None) -> Call[Answer]:
        """The answer of the first successful try. request: makes the try's Request from the seconds left, or None.

        Raises the error of the last try, as soon as another one cannot help or there is no time or budget for it.
        """
        self._earn()
        tries, broke_before = 0, False
        while True:
            try:
                return (yield request(self.left(deadline)))
            except ConnectionDropped:
                if broke_before:
                    raise
                broke_before = True
                continue
            except (TransportError, Unavailable, ServerError) as error:
                connection_broke = type(error) is TransportError
                pause = self._pause(error, tries)
                if tries >= self.times or pause is None or (connection_broke and broke_before):
                    raise
                if (deadline is not None and self.clock() + pause >= deadline) or not self._spend():
                    raise
                tries, broke_before = tries + 1, broke_before or connection_broke
            yield Pause(pause)

    def _pause(self, error: DaylightError, tries: int) -> float | None:
        """Seconds until the next try; None if the request must not be sent again."""
        retryable = isinstance(error, (ConnectError, Unavailable)) or type(error) is TransportError
        if not retryable and not (isinstance(error, ServerError) and error.status in GATEWAY_STATUSES):
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
