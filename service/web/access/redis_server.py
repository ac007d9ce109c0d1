"""A Redis that several servers share: their API keys, and what these have asked lately.

    shared = RedisServer("redis://10.0.0.5:6379/0")
    with shared.told_in_words(): shared.client.get("daylight:keys")

Nothing here waits for long: a Redis that is away or hangs costs a request PATIENCE, and that once a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ...errors import BadSetting
from ...store.missing_libraries import install

__all__ = ["SCHEMES", "RedisServer"]

SCHEMES = ("redis://", "rediss://", "unix://")
PATIENCE = 0.1  # seconds for connecting, and for an answer


class RedisServer:
    """url: as redis-py has it. Raises BadSetting where redis-py is not installed, or for a URL that is none.

    client: redis-py's, for any number of threads of this process; it connects when it is first used.
    """

    def __init__(self, url: str) -> None:
        try:
            from redis import Redis, RedisError
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
            self.client: Any = Redis.from_url(url, decode_responses=True, **options)
        except ImportError as error:
            raise BadSetting(install(error)) from None
        except ValueError as error:
            raise BadSetting(f"DAYLIGHT_KEYS_FILE: {error}") from None
        self._fault = RedisError
        parts = urlsplit(url)
        self.name = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"  # no password

    @contextmanager
    def told_in_words(self) -> Iterator[None]:
        """What Redis raises is an OSError with a sentence, as of a file that cannot be read."""
        try:
            yield
        except self._fault as error:
            raise OSError(f"the Redis at {self.name} does not answer: {error}") from error
