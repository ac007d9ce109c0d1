"""Rates that hold for the instance: bursts, refills, and several processes that count together."""

import multiprocessing
import os
import signal

import pytest

from benchmarks.support.serving import eventually
from service.web.access import rate_limit
from service.web.access.rate_limit import Buckets


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(rate_limit, "monotonic", clock)
    return clock


@pytest.mark.parametrize("shared", [True, False])
def test_a_burst_passes_and_then_the_rate_holds(clock, tmp_path, shared):
    buckets = Buckets(str(tmp_path) if shared else "")
    assert [buckets.take("shop", 10, 3) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("shop", 10, 3) == pytest.approx(0.1)
    assert buckets.take("other", 10, 3) == 0
    clock.now += 0.1
    assert buckets.take("shop", 10, 3) == 0
    assert buckets.take("shop", 10, 3) == pytest.approx(0.1)
    clock.now += 3600  # a long pause fills the bucket, and no more than that
    assert [buckets.take("shop", 10, 3) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("shop", 10, 3) > 0


def test_a_refused_request_takes_nothing(clock):
    buckets = Buckets()
    buckets.take("shop", 1, 1)
    for _ in range(100):
        assert buckets.take("shop", 1, 1) == pytest.approx(1)


def take_many(folder, times, passed):
    buckets = Buckets(folder)
    passed.put(sum(buckets.take("shop", 0.001, 500) == 0 for _ in range(times)))


def test_processes_count_together(tmp_path):
    context = multiprocessing.get_context("spawn")
    passed = context.Queue()
    workers = [context.Process(target=take_many, args=(str(tmp_path), 400, passed)) for _ in range(3)]
    for worker in workers:
        worker.start()
    assert sum(passed.get(timeout=60) for _ in workers) == 500
    for worker in workers:
        worker.join()


def hold(folder):
    Buckets(folder).take("shop", 0.001, 500)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_leaves_no_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=hold, args=(str(tmp_path),))
    worker.start()
    eventually(lambda: worker.exitcode is not None, what="its end")
    assert worker.exitcode == -signal.SIGKILL
    assert Buckets(str(tmp_path)).take("shop", 0.001, 500) == 0


@pytest.mark.parametrize("call", ["open", "posix_fallocate"])
def test_a_worker_counts_alone_where_the_folder_is_full(clock, tmp_path, monkeypatch, call):
    """A key that was new to the worker was answered 500 where not even an empty file could be made."""
    buckets = Buckets(str(tmp_path))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rate_limit.os, call, full)
    assert buckets.take("shop", 1, 1) == 0
    assert buckets.take("shop", 1, 1) == pytest.approx(1)
