"""Rate limits of API keys, counted by several servers together, in Redis.

    buckets = SharedBuckets(RedisServer("redis://10.0.0.5:6379/0"), Buckets("/dev/shm/daylight-0-4711"))
    buckets.take("shop", rate=10, burst=20)     # as of Buckets

The rule is that of Buckets, computed inside Redis by its own clock, so hosts whose clocks differ agree. A key with a
high rate takes several requests at once, at most as many as come in LEASE seconds at its rate or a quarter of its
burst, and spends them within that time; the others ask Redis for each request, a tenth of a millisecond in one network.
Where Redis is away, each server counts by itself, and asks again after RETRY seconds.
"""

from __future__ import annotations

import threading
from time import monotonic

from .rate_limit import Buckets
from .redis_server import RedisServer

__all__ = ["SharedBuckets"]

LEASE = 0.05  # seconds
RETRY = 1.0  # seconds

# Takes up to ARGV[3] requests: {taken, seconds to wait where none is}. A moment beyond what the burst allows can only
# be left by a clock that was set back.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now), now + burst / rate)
local free = math.floor(burst - (full - now) * rate + 0.00001)
if free < 1 then
    return {0, string.format('%.6f', full - now - (burst - 1) / rate)}
end
local taken = math.min(free, wanted)
full = full + taken / rate
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000) + 1000)
return {taken, '0'}
"""


class SharedBuckets:
    """alone: counts while Redis is away."""

    def __init__(self, server: RedisServer, alone: Buckets) -> None:
        self.server, self.alone = server, alone
        self._take = server.client.register_script(TAKE)
        self._leases: dict[str, tuple[int, float]] = {}  # name -> (requests left, the moment they are void)
        self._ask_again = 0.0
        self._guard = threading.Lock()  # of the leases; not held while Redis is asked

    def take(self, name: str, rate: float, burst: int) -> float:
        """Take one request of `name` now: 0.0 where it may pass, else the seconds until one may. As of Buckets."""
        now = monotonic()
        if self._spend(name, now):
            return 0.0
        if now < self._ask_again:
            return self.alone.take(name, rate, burst)
        wanted = max(1, int(min(rate * LEASE, burst / 4)))
        try:
            with self.server.told_in_words():
                taken, wait = self._take(keys=[f"daylight:rate:{name}"], args=[rate, burst, wanted])
        except OSError:  # the thread that reads the keys says so
            self._ask_again = monotonic() + RETRY
            return self.alone.take(name, rate, burst)
        if not taken:
            return float(wait)
        with self._guard:
            left, void = self._leases.get(name, (0, 0.0))
            self._leases[name] = (taken - 1 + (left if void > now else 0), now + LEASE)
        return 0.0

    def _spend(self, name: str, now: float) -> bool:
        with self._guard:
            left, void = self._leases.get(name, (0, 0.0))
            if left and void > now:
                self._leases[name] = (left - 1, void)
                return True
            return False
