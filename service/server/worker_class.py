"""Which gunicorn worker class a server gets, from the manifests of its store alone.

    choose(settings)    # (THREADED, "smollm2 version 1 is of kind text_generation")

It imports neither gunicorn nor a model: gunicorn's master asks it.
"""

from __future__ import annotations

from ..errors import StartupError
from ..models import QUICK, slowness
from ..settings import Settings
from ..store.versions import Store

__all__ = ["KEEP_ALIVE", "THREADED", "choose"]

KEEP_ALIVE = f"{__package__}.keepalive_worker.KeepAliveWorker"
THREADED = f"{__package__}.threaded_worker.ThreadedWorker"


def choose(settings: Settings) -> tuple[str, str]:
    """(worker class, the reason, in one sentence): WORKER_CLASS, or what suits the store.

    The keep-alive worker has one thread. It is enough, and faster, where every version in the store is a table that
    was compiled and measured to be quick.
    """
    if settings.worker_class:
        return {"gthread": THREADED}.get(settings.worker_class, settings.worker_class), "WORKER_CLASS says so"
    try:
        store = Store.of(settings)
        versions = [(name, version) for name in store.models() for version in store.versions(name)]
    except (StartupError, OSError, ValueError):
        return THREADED, "the store cannot be read"
    readable = False
    for name, version in versions:
        try:
            reason = slowness(store.open(name, version))
        except (StartupError, ValueError):  # a broken one decides nothing for the others
            continue
        if reason:
            return THREADED, reason
        readable = True
    if not readable:
        return THREADED, "the store is empty"
    return KEEP_ALIVE, f"every model is compiled and takes less than {QUICK} microseconds a call"
