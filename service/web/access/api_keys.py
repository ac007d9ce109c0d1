"""The file of API keys: names, scopes, rate limits, and of each key only its sha256. Or a Redis in place of the file.

    key = add("keys.json", "shop", ["predict"])     # "dl_Zm9v...", shown once and stored nowhere
    KeyFile("keys.json").find(key).name             # "shop"

A key is 32 bytes from the system's generator, so a plain sha256 is enough: a key cannot be guessed. The file is
replaced whole, and every worker reads it again within a second of that; a file that cannot be read changes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import monotonic

from ...errors import BadSetting
from .key_places import Place, place_of

__all__ = ["SCOPES", "Key", "KeyFile", "add", "read", "remove"]

log = logging.getLogger(__name__)

SCOPES = ("predict", "admin")
PREFIX = "dl_"  # lets scanners of repositories and logs recognize a key
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
LOOK = 1.0  # seconds between two checks whether the file has changed


@dataclass(frozen=True)
class Key:
    """One key of the file. `rate`: requests a second, 0 for any number; `burst`: how many at once after a pause."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    rate: float = 0.0
    burst: int = 1
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(self.scopes))
        valid = (
            NAME.fullmatch(self.name)
            and DIGEST.fullmatch(self.sha256)
            and self.scopes
            and set(self.scopes) <= set(SCOPES)
            and 0 <= self.rate < float("inf")
            and self.burst >= 1
        )
        if not valid:
            raise ValueError(
                f"key {self.name!r}: expected a name of letters, digits and ._-, a sha256, scopes among "
                f"{', '.join(SCOPES)}, a rate of 0 or more and a burst of 1 or more"
            )


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read(path: str) -> list[Key]:
    """The keys of a file, or at the URL of a Redis. Raises ValueError, OSError or BadSetting."""
    place = place_of(path)
    return parsed(place.read(), place)


def parsed(text: str, place: Place) -> list[Key]:
    """The keys of a text; place: named in what is raised, a ValueError."""
    try:
        keys = [Key(**entry) for entry in json.loads(text)["keys"]]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{place} is not a file of keys: {error}") from None
    if len({key.name for key in keys}) < len(keys):
        raise ValueError(f"{place} has two keys of one name")
    return keys


def change(path: str, edit: Callable[[list[Key]], list[Key]]) -> None:
    """Replace the keys by what `edit` makes of them. Raises as `read`, and what it raises."""
    place = place_of(path)

    def edited(text: str | None) -> str:
        keys = edit(parsed(text, place) if text is not None else [])
        return json.dumps({"keys": [asdict(key) for key in keys]}, indent=1) + "\n"

    place.change(edited)


def add(path: str, name: str, scopes: Sequence[str], rate: float = 0.0, burst: int = 1) -> str:
    """Make a key and add it to the file, which is made if it is missing; returns the key itself.

    Raises ValueError where the name is taken or a value is impossible, OSError where the file cannot be written.
    """
    made = PREFIX + secrets.token_urlsafe(32)
    key = Key(name, digest(made), tuple(scopes), rate, burst)

    def with_it(keys: list[Key]) -> list[Key]:
        if any(other.name == name for other in keys):
            raise ValueError(f"there is a key named {name} already; remove it first, or choose another name")
        return [*keys, key]

    change(path, with_it)
    return made


def remove(path: str, name: str) -> None:
    """Remove a key from the file. Raises ValueError where the file has no such key."""

    def without_it(keys: list[Key]) -> list[Key]:
        if all(key.name != name for key in keys):
            raise ValueError(f"there is no key named {name}")
        return [key for key in keys if key.name != name]

    change(path, without_it)


class KeyFile:
    """The keys of a file, read again when it changes. Raises BadSetting where it cannot be read at the start.

    path: or the URL of a Redis. folder: the server's run folder, which keeps what Redis has said.
    """

    def __init__(self, path: str, folder: str = "") -> None:
        self.place = place_of(path, folder)
        self._next_look = 0.0
        try:
            self._stamp = self.place.stamp()
            self._replace(parsed(self.place.read(), self.place))
        except (ValueError, OSError) as error:
            raise BadSetting(f"the keys cannot be read: {error}") from None

    def find(self, text: str) -> Key | None:
        """The Key of the text that a caller presents, or None. All are compared, each in constant time."""
        now = monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK
            self.place.when_due(self._look)
        sha256, match = digest(text), None
        for known, key in self._keys:
            if hmac.compare_digest(known, sha256):
                match = key
        return match

    def _replace(self, keys: Iterable[Key]) -> None:
        self._keys = tuple((key.sha256, key) for key in keys)
        self._next_look = monotonic() + LOOK

    def _look(self) -> None:
        try:
            stamp = self.place.stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._replace(parsed(self.place.read(), self.place))
                log.info("the keys have changed: %s", ", ".join(key.name for _, key in self._keys) or "there are none")
        except (ValueError, OSError) as error:
            log.error("the keys stay as they were, for their file cannot be read: %s", error)
