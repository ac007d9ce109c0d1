"""Where the API keys are: in a file, or in a Redis that several servers share. Both hold the same text.

place = place_of("keys.json")                                  # or "redis://10.0.0.5:6379/0"
place.read()                                                   # the text
place.change(lambda text: ...)                                 # replaced whole
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from ...store.atomic_write import atomic_write
from .redis_server import SCHEMES, RedisServer

__all__ = ["Place", "place_of"]

log = logging.getLogger(__name__)

KEY = "daylight:keys"  # in Redis


class Place(Protocol):
    """A text that is replaced whole. All methods raise OSError."""

    def read(self) -> str:
        """The text. Raises FileNotFoundError where there is none."""

    def stamp(self) -> Any:
        """What differs whenever the text has been replaced."""

    def change(self, edit: Callable[[str | None], str]) -> None:
        """Replace the text by what `edit` makes of it, or of None where there is none. Raises what it raises."""

    def when_due(self, look: Callable[[], None]) -> None:
        """Call what looks whether the text has changed, so that it holds up no request."""


def place_of(where: str, folder: str = "") -> Place:
    """where: a path, or the URL of a Redis. folder: the run folder of a server, "" for none. Raises BadSetting."""
    return RedisPlace(RedisServer(where), folder) if where.startswith(SCHEMES) else FilePlace(where)


class FilePlace:
    """A file; only its owner may read it, unless its mode says otherwise already."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __str__(self) -> str:
        return self.path

    def read(self) -> str:
        return Path(self.path).read_text(encoding="utf-8")

    def stamp(self) -> tuple[int, int, int]:
        status = os.stat(self.path)
        return status.st_ino, status.st_mtime_ns, status.st_size

    def change(self, edit: Callable[[str | None], str]) -> None:
        there = os.path.exists(self.path)
        text = edit(self.read() if there else None)
        # A server of the same group goes on reading a file that its mode lets the group read.
        atomic_write(self.path, text, mode=os.stat(self.path).st_mode & 0o777 if there else 0o600)

    def when_due(self, look: Callable[[], None]) -> None:
        look()


class RedisPlace:
    """A string in Redis, and a copy of it in the run folder: a worker that starts while Redis is away has the keys.

    The copy holds no key, only sha256 of keys, as the file does.
    """

    def __init__(self, server: RedisServer, folder: str) -> None:
        self.server = server
        self.copy = Path(folder, "keys") if folder else None
        self._away = False

    def __str__(self) -> str:
        return f"the Redis at {self.server.name}"

    def read(self) -> str:
        try:
            with self.server.told_in_words():
                text: str | None = self.server.client.get(KEY)
        except OSError as error:
            return self._copied(error)
        self._away = False
        if text is None:
            raise FileNotFoundError(f"{self} holds no keys yet; make the first: python -m service keys add NAME")
        if self.copy and (not self.copy.exists() or self.copy.read_text(encoding="utf-8") != text):
            with suppress(OSError):  # a full folder
                atomic_write(self.copy, text, mode=0o600)
        return text

    def _copied(self, error: OSError) -> str:
        if not self.copy or not self.copy.exists():
            raise error
        if not self._away:
            log.error("the keys stay as they were, and each server counts their rates by itself: %s", error)
        self._away = True
        return self.copy.read_text(encoding="utf-8")

    def stamp(self) -> str:
        return self.read()

    def change(self, edit: Callable[[str | None], str]) -> None:
        """Two changes at the same time are made one after the other: the later one is made again."""

        def attempt(pipe: Any) -> None:
            text = edit(pipe.get(KEY))
            pipe.multi()
            pipe.set(KEY, text)

        with self.server.told_in_words():
            self.server.client.transaction(attempt, KEY)

    def when_due(self, look: Callable[[], None]) -> None:
        threading.Thread(target=look, name="daylight-keys", daemon=True).start()
