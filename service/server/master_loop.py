"""What the loop of gunicorn's master does besides, and what must not end it.

    look_in_loop(server, watches)               # each watch looks at its process, at least once a second
    outlive_failed_starts(server, has_begun)    # of workers

gunicorn ends the whole server where its loop meets an error that it does not expect, and where a worker cannot start.
That would turn a shortage of memory, or a fault that one process has met, into an outage for all callers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from gunicorn.errors import HaltServer

__all__ = ["look_in_loop", "outlive_failed_starts"]

PAUSE = 5.0  # seconds before another worker takes the place of one that could not start


def look_in_loop(server: Any, watches: Collection[Any]) -> None:
    """Let each watch `look` at its process: gunicorn has no hook for that.

    Before gunicorn reaps its children, because it would take a process's exit status; and where it looks at the
    heartbeats of its workers, once a second. server: gunicorn's Arbiter.
    """

    def looking_first(method: Any) -> Any:
        def look_first() -> None:
            for watch in list(watches):
                try:
                    watch.look()
                except OSError as error:
                    server.log.error("a process cannot be started, which is tried again: %s", error)
            method()

        return look_first

    for name in ("reap_workers", "murder_workers"):
        setattr(server, name, looking_first(getattr(server, name)))


def outlive_failed_starts(server: Any, has_begun: Callable[[], bool]) -> None:
    """Let gunicorn start missing workers later where it cannot now, as long as there is one that answers.

    It may be a fork that the system refuses, or a worker that ends before it has begun: its code was replaced by
    another that cannot be imported, say. has_begun(): whether the server has been ready; until then, a worker that
    cannot start ends it, as gunicorn has it.
    """
    reap, spawn = server.reap_workers, server.spawn_workers
    not_before = 0.0

    def reap_workers() -> None:
        nonlocal not_before
        while True:
            try:
                return reap()
            except HaltServer as error:
                if not server.WORKERS or not has_begun():
                    raise
                not_before = time.monotonic() + PAUSE
                server.log.error("%s Another one is started in %d seconds.", error.reason, PAUSE)

    def spawn_workers() -> None:
        if time.monotonic() < not_before and server.WORKERS:
            return
        try:
            spawn()
        except OSError as error:
            if not server.WORKERS:
                raise
            server.log.error("a worker cannot be started, which is tried again: %s", error)

    server.reap_workers, server.spawn_workers = reap_workers, spawn_workers
