"""How many workers and threads a server gets where nobody has said so: from the models of its store.

    settings, reason = sized(settings, versions, given=Settings.given())    # (Settings(workers=1, threads=82), "...")

It imports neither gunicorn nor a model: gunicorn's master asks it, at each reading of its configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from ..models import shared_weights
from ..scheduling.admission import RESERVED_THREADS
from ..settings import Settings
from ..store.versions import StoredVersion

__all__ = ["sized"]


def sized(settings: Settings, versions: Iterable[StoredVersion], given: Collection[str]) -> tuple[Settings, str]:
    """(the settings with `workers` and `threads` for the store, the reason in one sentence).

    versions: of the store, those that can be read. given: fields that stay as they are. With a model whose work all
    callers share, one worker has all cores for it, and a thread for every completion that may run or wait: none is
    refused while the engine would still take it.
    """
    reason = next(filter(None, map(shared_weights, versions)), None)
    if reason is None:
        return settings, "each core has a worker" if "workers" not in given else "WORKERS says so"
    shared = {"workers": 1, "threads": settings.slots + settings.max_waiting + RESERVED_THREADS}
    chosen: dict[str, Any] = {name: value for name, value in shared.items() if name not in given}
    return replace(settings, **chosen), reason if chosen else "WORKERS and THREADS say so"
