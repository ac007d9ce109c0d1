"""Which versions of a model have proved themselves: loaded, and answered their example as they were packed with.

    record_proven(store, "tumour", "3")
    versions_to_try(store, "tumour")      # ["4", "3", "1"]: the current one, then those that may take its place

`<root>/<model>/.proven` names them, the latest proof first. It is replaced atomically, and only ever a help: where it
cannot be written, the store is served all the same, and an earlier version takes no broken one's place.
"""

from __future__ import annotations

from contextlib import suppress

from ..errors import StartupError
from .atomic_write import atomic_write
from .versions import Store

__all__ = ["proven", "record_proven", "stand_ins", "versions_to_try"]

FILE = ".proven"
REMEMBERED = 100  # versions, as many as `current` does


def proven(store: Store, model: str) -> list[str]:
    """The versions of a model that have proved themselves, the latest proof first."""
    try:
        return (store.root / model / FILE).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return []


def record_proven(store: Store, model: str, version: str) -> None:
    """Record that a version was loaded and has answered its example. A store that cannot be written stays as it is."""
    before = proven(store, model)
    if version in before:
        return
    lines = "".join(f"{each}\n" for each in [version, *before][:REMEMBERED])
    with suppress(OSError):
        atomic_write(store.root / model / FILE, lines, mode=0o644)


def stand_ins(store: Store, model: str) -> list[str]:
    """The versions that may take the place of the current one: current before, and proven. Latest first."""
    if store.keys.asks_for_signers:  # or whoever can damage the current version could roll the model back
        return []
    known = proven(store, model)
    try:
        current, *earlier = store.history(model)
    except (StartupError, OSError, ValueError):  # `current` itself is damaged: the proofs are all that is known
        return known
    return [version for version in dict.fromkeys(earlier) if version in known and version != current]


def versions_to_try(store: Store, model: str) -> list[str | None]:
    """What to load for a model, in this order; None: the current version, whatever it is."""
    return [None, *stand_ins(store, model)]
