"""The file of API keys: names, scopes, limits, and of each key only its sha256.

    added = add("keys.json", "shop", ["predict"])    # "dl_Zm9v...", shown once and kept nowhere
    KeyFile("keys.json").find(added).name            # "shop"

A key is 32 bytes from the system's generator, so a plain sha256 is enough: there is nothing to guess. The file
is replaced whole, and read again by every worker within a second of that; one that cannot be read changes nothing.
"""

import hashlib
import hmac
import json
import logging
import os
import re
import secrets
import tempfile
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from time import monotonic

from ...errors import BadSetting

__all__ = ["SCOPES", "Key", "KeyFile", "add", "read", "remove"]

log = logging.getLogger(__name__)

SCOPES = ("predict", "admin")
PREFIX = "dl_"  # so that scanners of repositories and logs can know a key when they see one
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
LOOK = 1.0  # seconds between two looks at whether the file has changed


@dataclass(frozen=True)
class Key:
    """One key of the file. `rate`: requests a second, 0 for any number; `burst`: how many at once after a pause."""

    name: str
    sha256: str
    scopes: tuple
    rate: float = 0.0
    burst: int = 1
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self):
        object.__setattr__(self, "scopes", tuple(self.scopes))
        sound = (
            NAME.fullmatch(self.name)
            and DIGEST.fullmatch(self.sha256)
            and self.scopes
            and set(self.scopes) <= set(SCOPES)
            and 0 <= self.rate < float("inf")
            and self.burst >= 1
        )
        if not sound:
            raise ValueError(
                f"key {self.name!r}: expected a name of letters, digits and ._-, a sha256, scopes among "
                f"{', '.join(SCOPES)}, a rate of 0 or more and a burst of 1 or more"
            )


def digest(key):
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read(path):
    """The keys of a file, as a list. Raises ValueError or OSError."""
    with open(path, encoding="utf-8") as file:
        try:
            found = [Key(**entry) for entry in json.load(file)["keys"]]
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path} is no file of keys: {error}") from None
    if len({key.name for key in found}) < len(found):
        raise ValueError(f"{path} has two keys of one name")
    return found


def write(path, keys):
    """Replace the file whole; its owner and nobody else may read it."""
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, made = tempfile.mkstemp(dir=folder, prefix=".keys-")
    try:
        if os.path.exists(path):
            os.fchmod(descriptor, os.stat(path).st_mode & 0o777)  # a server of the same group goes on reading it
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"keys": [asdict(key) for key in keys]}, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, path)
    except BaseException:
        os.unlink(made)
        raise


def add(path, name, scopes, rate=0.0, burst=1):
    """Make a key and put it into the file, which is made if it is missing; returns the key itself.

    Raises ValueError where the name is taken or a value is impossible, OSError where the file cannot be written.
    """
    keys = read(path) if os.path.exists(path) else []
    if any(key.name == name for key in keys):
        raise ValueError(f"there is a key named {name} already; remove it first, or take another name")
    made = PREFIX + secrets.token_urlsafe(32)
    write(path, [*keys, Key(name, digest(made), tuple(scopes), rate, burst)])
    return made


def remove(path, name):
    """Take a key out of the file. Raises ValueError where it is not there."""
    keys = read(path)
    if all(key.name != name for key in keys):
        raise ValueError(f"there is no key named {name}")
    write(path, [key for key in keys if key.name != name])


class KeyFile:
    """The keys as they are now. Raises BadSetting where the file cannot be read at the start."""

    def __init__(self, path):
        self.path = path
        try:
            self._seen = self._stamp()
            self._take(read(path))
        except (ValueError, OSError) as error:
            raise BadSetting(f"the keys cannot be read: {error}") from None

    def find(self, given):
        """The Key of what a caller presents, or None. All are compared, each in constant time."""
        now = monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK
            self._look()
        wanted, found = digest(given), None
        for sha256, key in self._keys:
            if hmac.compare_digest(sha256, wanted):
                found = key
        return found

    def _take(self, keys):
        self._keys = tuple((key.sha256, key) for key in keys)
        self._look_at = monotonic() + LOOK

    def _stamp(self):
        found = os.stat(self.path)
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _look(self):
        try:
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self._take(read(self.path))
                log.info("the keys have changed: %s", ", ".join(key.name for _, key in self._keys) or "there are none")
        except (ValueError, OSError) as error:
            log.error("the keys stay as they were, for their file cannot be read: %s", error)
