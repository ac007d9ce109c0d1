"""How far the signed history of each model had got when it was last read, kept outside the store.

    Seen("/var/lib/daylight/seen.json").check("/srv/models/tumour", receipts)     # DigestMismatch for an older history

A signature says who wrote a history, and not that it is the newest one: without this, an old copy of a whole model
could be put back in its place.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DigestMismatch, StartupError
from .atomic_write import atomic_write

if TYPE_CHECKING:
    from .receipts import Receipt

__all__ = ["Seen"]


class Seen:
    """path: the file that outlives this process; empty: none."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self._known: dict[str, Any] = {}

    def check(self, folder: str, receipts: Sequence[Receipt]) -> None:
        """Raise DigestMismatch unless the history continues what was seen of it; then remember it.

        folder: of the model. Raises StartupError where the file cannot be read or written.
        """
        newest = [receipts[-1].number, receipts[-1].digest] if receipts else [0, ""]
        if self._known.get(folder) == newest:
            return
        if not self.path:
            self._known[folder] = continued(folder, receipts, newest, self._known.get(folder))
            return
        try:
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(f"{self.path}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                path = Path(self.path)
                kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
                kept |= {name: seen for name, seen in self._known.items() if seen[0] > kept.get(name, [0])[0]}
                self._known = kept | {folder: continued(folder, receipts, newest, kept.get(folder))}
                if self._known != kept or not path.exists():
                    atomic_write(path, json.dumps(self._known, indent=1) + "\n", mode=0o600)
        except (OSError, ValueError, TypeError) as error:
            raise StartupError(f"{self.path} (DAYLIGHT_SEEN_FILE) cannot be used: {error}") from None


def continued(folder: str, receipts: Sequence[Receipt], newest: list[Any], seen: list[Any] | None) -> list[Any]:
    """`newest`, [number, digest] of the last receipt. Raises DigestMismatch where it does not continue `seen`."""
    number, digest = seen or [0, ""]
    if newest[0] < number:
        ends = f"ends at entry {newest[0]} (version {receipts[-1].current})" if receipts else "is gone"
        raise DigestMismatch(
            f"{folder}: its history {ends}, and entry {number} was seen before: somebody has put an older copy in its "
            "place"
        )
    if number and receipts[number - 1].digest != digest:
        raise DigestMismatch(f"{folder}: entry {number} of its history is not the one that was seen before")
    return newest
