"""What the loop of gunicorn's master does besides, and what must not end it.

    look_in_loop(server, watches)       # each watch looks at its process, once a second and where children are reaped
    fork_again_later(server)            # a worker that cannot be forked now

gunicorn ends the whole server where its loop meets an error that it does not expect. Where the system has no process,
no memory or no file to give, that would turn a shortage, for one process, into an outage for all callers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["fork_again_later", "look_in_loop"]


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


def fork_again_later(server: Any) -> None:
    """Let gunicorn fork missing workers a second later where it cannot now, as long as there is one that answers."""
    spawn = server.spawn_workers

    def spawn_workers() -> None:
        try:
            spawn()
        except OSError as error:
            if not server.WORKERS:
                raise
            server.log.error("a worker cannot be started, which is tried again: %s", error)

    server.spawn_workers = spawn_workers
