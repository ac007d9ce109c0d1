"""SIGHUP without a gap: gunicorn's new workers are ready before its old ones are told to leave.

    def on_reload(server):
        new_workers_first(server, WorkerRegistry(run_folder, master=server.pid), seconds=120)

gunicorn itself forks the new workers and ends the old ones at once: no worker would answer while models load, and none
at all where they cannot be loaded any more. Here the old workers stay until the new ones are ready, and for good where
the new ones fail. This module knows gunicorn's master, and of the service only what workers publish.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Set
from contextlib import suppress
from queue import Empty
from typing import Any

from gunicorn.errors import HaltServer

from .lifecycle.rollout_state import forget_refusals
from .lifecycle.worker_registry import WorkerRegistry
from .lifecycle.worker_status import SERVING, WorkerState, WorkerStatus

__all__ = ["new_workers_first", "worker_gone"]

STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
leaving: set[int] = set()  # old workers that still finish their requests


def new_workers_first(server: Any, registry: WorkerRegistry, *, seconds: float) -> bool:
    """For the hook on_reload, which gunicorn calls just before it forks its new workers.

    server: gunicorn's Arbiter. seconds: how long the new workers may take to load their models. Returns whether they
    take the place of the old ones.
    """
    before, age = set(server.WORKERS), server.worker_age
    count = server.cfg.workers
    failure = None
    try:
        for _ in range(count):
            server.spawn_worker()
    except OSError as error:
        failure = f"a worker cannot be started: {error}"
    new = set(server.WORKERS) - before
    failure = failure or failure_of(server, registry, new, time.monotonic() + seconds)
    if failure:
        server.log.error("the reload is given up, and the old workers stay: %s", failure)
        kill(server, new)
    else:
        leaving.update(before)
    # After this hook gunicorn calls spawn_worker `count` times, ends the oldest workers beyond `count`, and waits for
    # all with an age up to worker_age. The new workers are forked already, so those calls must do nothing; where the
    # reload has failed, worker_age = 0 makes gunicorn wait for none.
    skip_forks(server, count, then_age=server.worker_age)
    server.worker_age = 0 if failure else age
    return failure is None


def failure_of(server: Any, registry: WorkerRegistry, new: Set[int], deadline: float) -> str | None:
    """Wait until all new workers serve: None; or the reason why they will not."""
    while time.monotonic() < deadline:
        try:
            server.reap_workers()
        except HaltServer as error:
            return f"a new worker ended: {error.reason}"
        if not new <= server.WORKERS.keys():
            return "a new worker ended"
        statuses = [registry.workers().get(pid, WorkerStatus()) for pid in new]
        failures = [status.why for status in statuses if status.state == WorkerState.FAILED]
        if failures:
            return failures[0]
        if all(status.state in SERVING for status in statuses):
            return None
        if asked_to_stop(server):
            return "the server is asked to stop"
        time.sleep(0.05)
    return "the new workers took too long to load their models"


def kill(server: Any, pids: Set[int]) -> None:
    """SIGKILL these workers, and reap them. That is safe: they have not served a request yet."""
    for pid in pids & server.WORKERS.keys():
        server.kill_worker(pid, signal.SIGKILL)
    while pids & server.WORKERS.keys():
        with suppress(HaltServer):  # a new worker that could not start must not end the others
            server.reap_workers()
        time.sleep(0.02)


def asked_to_stop(server: Any) -> bool:
    """Whether a signal that ends the server is queued; all signals stay in the queue."""
    queued = []
    with suppress(Empty):
        while True:
            queued.append(server.SIG_QUEUE.get_nowait())
    for number in queued:
        server.SIG_QUEUE.put_nowait(number)
    return not STOP.isdisjoint(queued)


def skip_forks(server: Any, count: int, *, then_age: int) -> None:
    """Let the next `count` calls of spawn_worker do nothing, then restore it, and worker_age."""
    calls = iter(range(count, 0, -1))

    def spawn_worker() -> None:
        if next(calls) == 1:
            del server.spawn_worker
            server.worker_age = then_age

    server.spawn_worker = spawn_worker


def worker_gone(pid: int, registry: WorkerRegistry) -> None:
    """For the hook child_exit. When the last old worker has left, versions that they refused are tried again."""
    registry.forget(pid)
    if pid in leaving:
        leaving.discard(pid)
        if not leaving:
            with suppress(OSError), registry.locked_versions() as table:
                forget_refusals(table)
