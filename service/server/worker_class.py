"""Which gunicorn worker class a server gets, from the manifests of its store alone.

    versions = list(readable_versions(settings))
    choose(settings, versions)      # (THREADED, "smollm2 version 1 is of kind text_generation")

It imports neither gunicorn nor a model: gunicorn's master asks it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress

from ..errors import StartupError
from ..models import QUICK, slowness
from ..settings import Settings
from ..store.versions import Store, StoredVersion

__all__ = ["KEEP_ALIVE", "THREADED", "choose", "readable_versions"]

KEEP_ALIVE = f"{__package__}.keepalive_worker.KeepAliveWorker"
THREADED = f"{__package__}.threaded_worker.ThreadedWorker"


def choose(settings: Settings, versions: Collection[StoredVersion]) -> tuple[str, str]:
    """(worker class, the reason, in one sentence): WORKER_CLASS, or what suits the store.

    versions: of the store, those that can be read. The keep-alive worker has one thread. It is enough, and faster,
    where every version in the store is a table that was compiled and measured to be quick.
    """
    if settings.worker_class:
        return {"gthread": THREADED}.get(settings.worker_class, settings.worker_class), "WORKER_CLASS says so"
    for version in versions:
        if reason := slowness(version):
            return THREADED, reason
    if not versions:
        return THREADED, "the store is empty, or cannot be read"
    return KEEP_ALIVE, f"every model is compiled and takes less than {QUICK} microseconds a call"


def readable_versions(settings: Settings) -> Iterator[StoredVersion]:
    """Every version in the store whose manifest can be read: a broken one decides nothing for the others."""
    try:
        store = Store.of(settings)
        names = [(name, version) for name in store.models() for version in store.versions(name)]
    except (StartupError, OSError, ValueError):
        return
    for name, version in names:
        with suppress(StartupError, ValueError):
            yield store.open(name, version)
