"""SIGHUP without a gap: gunicorn's new workers are ready before its old ones are told to leave.

    def on_reload(server):
        new_workers_first(server, WorkerRegistry(run_folder, master=server.pid), seconds=120)

gunicorn itself forks the new workers and ends the old ones in one breath; while models load, nobody would answer, and
where they do not load any more, nobody ever again. Here the old ones stay until the new ones are ready, and for good
where these do not get ready. This module knows gunicorn's master, and of the service only what workers tell.
"""

import signal
import time
from contextlib import suppress
from queue import Empty

from gunicorn.errors import HaltServer

from .lifecycle.rollout_state import forget_refusals

__all__ = ["new_workers_first", "worker_gone"]

SERVING = ("ready", "idle")
STOP = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
leaving = set()  # old workers that still finish what they have


def new_workers_first(server, registry, *, seconds):
    """To be called by the hook on_reload, which comes just before gunicorn forks its new workers."""
    before, age = set(server.WORKERS), server.worker_age
    count = server.cfg.workers
    for _ in range(count):
        server.spawn_worker()
    new = set(server.WORKERS) - before
    why = trouble(server, registry, new, time.monotonic() + seconds)
    if why:
        server.log.error("the reload is given up, and the workers that ran stay: %s", why)
        end(server, new)
    else:
        leaving.update(before)
    # What follows in gunicorn: it forks `count` workers, ends the oldest beyond their number, and waits until none
    # is left from before. They are forked already, and where the old ones stay, it shall wait for nobody.
    skip_forks(server, count, then_age=server.worker_age)
    server.worker_age = 0 if why else age


def trouble(server, registry, new, deadline):
    """None as soon as all the new workers serve; else why they will not."""
    while time.monotonic() < deadline:
        try:
            server.reap_workers()
        except HaltServer as error:
            return f"a new worker ended: {error.reason}"
        if not new <= server.WORKERS.keys():
            return "a new worker ended"
        told = [registry.workers().get(pid, {"state": "starting"}) for pid in new]
        failed = [one["why"] for one in told if one["state"] == "failed"]
        if failed:
            return failed[0]
        if all(one["state"] in SERVING for one in told):
            return None
        if asked_to_stop(server):
            return "the server is asked to stop"
        time.sleep(0.05)
    return "the new workers took too long to load their models"


def end(server, pids):
    """None of these has served anybody yet."""
    for pid in pids & server.WORKERS.keys():
        server.kill_worker(pid, signal.SIGKILL)
    while pids & server.WORKERS.keys():
        with suppress(HaltServer):  # that a new worker could not start is no reason to end the others
            server.reap_workers()
        time.sleep(0.02)


def asked_to_stop(server):
    """Whether a signal that ends the server waits; all stay in the queue."""
    waiting = []
    with suppress(Empty):
        while True:
            waiting.append(server.SIG_QUEUE.get_nowait())
    for one in waiting:
        server.SIG_QUEUE.put_nowait(one)
    return not STOP.isdisjoint(waiting)


def skip_forks(server, count, *, then_age):
    """Let the next `count` calls of spawn_worker do nothing; after them all is as it was."""
    left = [None] * count

    def spawn_worker():
        left.pop()
        if not left:
            del server.spawn_worker
            server.worker_age = then_age

    server.spawn_worker = spawn_worker


def worker_gone(pid, registry):
    """For the hook child_exit. When the last of the old workers has left, what they refused is tried again."""
    registry.forget(pid)
    if pid in leaving:
        leaving.discard(pid)
        if not leaving:
            with suppress(OSError), registry.locked_versions() as table:
                forget_refusals(table)
