"""Shortages of the system that must not end gunicorn's master, and with it workers that answer well.

The Arbiter here is a small class with the few attributes of gunicorn's that are used.
"""

import logging
import os

import pytest
from gunicorn.errors import HaltServer

from service.server import master_loop
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.server.master_loop import PAUSE, look_in_loop, outlive_failed_starts
from service.server.rolling_reload import new_workers_first
from tests.support.clock import Clock

SHORTAGE = BlockingIOError(11, "Resource temporarily unavailable")


class Arbiter:
    """shortages: how many forks fail before one succeeds again. failed: workers that have ended before they began."""

    def __init__(self, workers=(), shortages=0, failed=()):
        self.WORKERS = dict.fromkeys(workers)
        self.shortages, self.failed = shortages, list(failed)
        self.log = logging.getLogger("test")
        self.cfg = self
        self.workers = 2
        self.worker_age = 2
        self.reaped = self.looked_at_heartbeats = 0

    def spawn_worker(self):
        if self.shortages:
            self.shortages -= 1
            raise SHORTAGE
        self.worker_age += 1
        self.WORKERS[1000 + self.worker_age] = None

    def spawn_workers(self):
        while len(self.WORKERS) < self.workers:
            self.spawn_worker()

    def reap_workers(self):
        self.reaped += 1
        if self.failed:
            self.failed.pop()
            raise HaltServer("Worker failed to boot.", 190)

    def murder_workers(self):
        self.looked_at_heartbeats += 1

    def kill_worker(self, pid, _):
        del self.WORKERS[pid]


class Watch:
    """Of a process that cannot be started at first."""

    def __init__(self, shortages):
        self.shortages, self.looks = shortages, 0

    def look(self):
        self.looks += 1
        if self.looks <= self.shortages:
            raise SHORTAGE


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(master_loop, "time", clock)
    return clock


def begun():
    return True


def test_a_worker_that_cannot_be_forked_is_forked_later(caplog):
    server = Arbiter(workers=[1], shortages=2)
    outlive_failed_starts(server, begun)
    for _ in range(2):
        server.spawn_workers()
        assert set(server.WORKERS) == {1}
    server.spawn_workers()
    assert len(server.WORKERS) == 2
    assert [record.getMessage() for record in caplog.records] == 2 * [
        f"a worker cannot be started, which is tried again: {SHORTAGE}"
    ]


def test_without_any_worker_a_shortage_ends_the_server():
    server = Arbiter(shortages=1)
    outlive_failed_starts(server, begun)
    with pytest.raises(BlockingIOError):
        server.spawn_workers()


def test_a_worker_that_cannot_start_does_not_end_one_that_answers(clock, caplog):
    server = Arbiter(workers=[1], failed=[2, 3])
    outlive_failed_starts(server, begun)
    server.reap_workers()
    assert server.reaped == 3  # also those that ended beside it
    server.spawn_workers()
    assert set(server.WORKERS) == {1}
    clock.now += PAUSE + 1
    server.spawn_workers()
    assert len(server.WORKERS) == 2
    assert caplog.text.count("Worker failed to boot. Another one is started in 5 seconds.") == 2


@pytest.mark.parametrize(("workers", "has_begun"), [([], True), ([1], False)])
def test_at_the_first_start_and_without_any_worker_it_ends_the_server(clock, workers, has_begun):
    server = Arbiter(workers=workers, failed=[2])
    outlive_failed_starts(server, lambda: has_begun)
    with pytest.raises(HaltServer):
        server.reap_workers()


def test_a_process_that_cannot_be_started_keeps_no_other_from_being_looked_at(caplog):
    server, short, well = Arbiter(), Watch(shortages=1), Watch(shortages=0)
    look_in_loop(server, [short, well])
    server.reap_workers()
    server.murder_workers()
    assert (server.reaped, server.looked_at_heartbeats, short.looks, well.looks) == (1, 1, 2, 2)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("forked", [0, 1])
def test_a_reload_for_which_no_worker_can_be_forked_is_given_up(tmp_path, caplog, forked):
    """The old workers stay, a new one that was forked already does not, and gunicorn's own forks do nothing."""
    server = Arbiter(workers=[1, 2], shortages=0)
    spawn = server.spawn_worker

    def scarce():
        server.shortages = int(server.worker_age - 2 >= forked)
        spawn()

    server.spawn_worker = scarce
    assert not new_workers_first(server, WorkerRegistry(tmp_path, master=os.getpid()), seconds=5)
    assert set(server.WORKERS) == {1, 2}
    assert "the old workers stay: a worker cannot be started" in caplog.text
    for _ in range(server.workers):
        server.spawn_worker()
    assert set(server.WORKERS) == {1, 2}
