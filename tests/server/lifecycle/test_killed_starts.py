"""Workers that are killed while they load: their versions are suspects, and the server must not wait for ever for that.

Any process may be killed at any moment, for want of memory, say: a version is not the reason of each death.
"""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from benchmarks.support.serving import eventually
from service.errors import StartupError
from service.packing import pack
from service.predictor import Predictor
from service.server.lifecycle import rollout as module
from service.server.lifecycle.rollout import AFRESH, RETRY, Rollout
from service.server.lifecycle.rollout_state import MOST_DEATHS, Refusal
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.settings import Settings
from service.store.proven import record_proven
from service.store.versions import Store
from tests.support.clock import Clock

X = np.array([[0.0], [1.0], [2.0]])
# Two processes that live as long as the test.
FIRST, SECOND = os.getpid(), os.getppid()


class Server:
    """The workers of a server, each turned by hand."""

    def __init__(self, folder):
        self.folder, self.store = folder, Store(folder / "store")

    def add(self, name):
        pack(DummyRegressor().fit(X, X[:, 0]), X, name=name, store=self.store.root)

    def registry(self, pid):
        return WorkerRegistry(self.folder / "run", master=1, pid=pid)

    def worker(self, pid=FIRST, workers=2):
        """One that has not loaded its models yet. workers: of the server."""
        return Rollout(Predictor(Settings(store=self.store.root, workers=workers)), self.registry(pid))

    def killed_while_loading(self, name, version="1"):
        with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
            self.registry(process.pid).loading({name: version})


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def server(tmp_path):
    """Of one model, `m`."""
    server = Server(tmp_path)
    server.add("m")
    return server


def turn(*workers, times=4):
    for _ in range(times):
        for worker in workers:
            worker.turn()


def serving(worker):
    return {name: model.version for name, model in worker.predictor.serving().items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_where_nothing_is_served_the_suspect_is_tried_again_at_once(server, workers):
    """It waited until all workers were ready, which none can be without a model: 503 until an operator came."""
    server.killed_while_loading("m")
    every = [server.worker(pid, workers) for pid in (FIRST, SECOND)[:workers]]
    for worker in every:
        worker.load()
    turn(*every)
    assert [serving(worker) for worker in every] == workers * [{"m": "1"}]


def test_a_single_worker_that_serves_others_does_not_try_the_suspect(server):
    server.add("n")
    server.killed_while_loading("m")
    worker = server.worker(workers=1)
    worker.load()
    turn(worker)
    assert serving(worker) == {"n": "1"}
    assert worker.predictor.refused["m"]["reason"] == "a worker died while it loaded it"


def test_what_was_served_is_not_replaced_by_an_earlier_version_for_one_death(server):
    """All workers were killed, one of them while it loaded what the server had served: callers went back in time."""
    worker = server.worker()
    server.add("m")
    record_proven(server.store, "m", "1")
    worker.load()
    assert serving(worker) == {"m": "2"}
    server.registry(FIRST).forget(FIRST)
    server.killed_while_loading("m", "2")
    worker = server.worker()
    worker.load()
    assert serving(worker) == {"m": "2"}


def test_a_version_that_ended_several_is_tried_again_after_a_while_where_nothing_is_served(server, clock):
    """Both were killed for want of memory. That was over soon, and the server was not ready until it was restarted."""
    for _ in range(MOST_DEATHS):
        server.killed_while_loading("m")
    worker = server.worker()
    with pytest.raises(StartupError, match="2 workers died"):
        worker.load()
    clock.now += AFRESH - 1
    turn(worker)
    assert not serving(worker)
    clock.now += 2
    turn(worker)
    clock.now += RETRY
    turn(worker)
    assert serving(worker) == {"m": "1"}


def test_a_proposal_of_the_dead_is_no_hope(server, clock):
    """Nobody votes where no worker could load its models."""
    worker = server.worker()
    worker.load()
    server.add("m")
    worker._watch.propose_changes(worker.registry.versions())
    for version in ("1", "2"):
        for _ in range(MOST_DEATHS):
            server.killed_while_loading("m", version)
    worker = server.worker()
    with pytest.raises(StartupError, match="2 workers died"):
        worker.load()
    clock.now += AFRESH + 1
    turn(worker)
    clock.now += RETRY
    turn(worker)
    assert serving(worker)


class Gate:
    """In the place of a worker's Predictor.open: the load of version 1 of `m` stands still until `opens` is set."""

    def __init__(self, worker):
        self.open, self.opens = worker.predictor.open, threading.Event()
        worker.predictor.open = self

    def __call__(self, name, version):
        if (name, version) == ("m", "1"):
            assert self.opens.wait(timeout=60)
        return self.open(name, version)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("service.server.lifecycle.first_load.STALL", 0.1)


def test_what_was_served_may_stand_still_while_the_store_names_another(server, impatient):
    """All workers were killed in the moment of a promotion, and the engine with them: the next one could not start."""
    worker = server.worker()
    server.add("n")
    worker.load()
    server.add("m")
    worker = server.worker()
    gate = Gate(worker)
    worker.load()
    turn(worker)
    assert serving(worker) == {"m": "2", "n": "1"}
    gate.opens.set()


def test_workers_that_load_a_suspect_together_do_not_wait_for_each_other(server, impatient):
    """All were killed, one while it loaded a text; those after them had loaded it, and never served it."""
    worker = server.worker()
    server.add("n")
    worker.load()
    server.registry(FIRST).forget(FIRST)
    server.killed_while_loading("m")
    both = [server.worker(pid) for pid in (FIRST, SECOND)]
    gates = [Gate(worker) for worker in both]
    with ThreadPoolExecutor(2) as pool:  # at once: each sees the table as it was before
        list(pool.map(lambda worker: worker._start.load(full=2), both))
    assert set(both[0].registry.versions()["m"].proposal.preparing) == {FIRST, SECOND}
    for worker, gate in zip(both, gates, strict=True):
        worker._publish()
        gate.opens.set()
        eventually(lambda worker=worker: not worker._start._first.running(), what="the end of the load")
    turn(*both)
    assert [serving(worker) for worker in both] == 2 * [{"m": "1", "n": "1"}]


def test_what_takes_the_place_of_a_broken_version_is_served_when_it_is_loaded(server, impatient):
    """It took longer than a second, and was forgotten."""
    server.add("n")
    record_proven(server.store, "m", "1")
    server.add("m")
    (payload,) = (server.store.root / "m" / "2").glob("*.joblib")
    payload.write_bytes(b"")
    worker = server.worker()
    gate = Gate(worker)
    worker.load()
    turn(worker)
    assert serving(worker) == {"n": "1"}
    gate.opens.set()
    eventually(lambda: "m" not in worker._start._first.running(), what="the end of the load")
    turn(worker)
    assert serving(worker) == {"m": "1", "n": "1"}
    assert worker.predictor.refused["m"]["version"] == "2"


def refused(server, names):
    """As after a start in which workers died of each of these versions."""
    worker = server.worker()
    worker.load()
    with worker.registry.locked_versions() as table:
        for name in names:
            table[name] = replace(table[name], serving=None, refused=Refusal("1", "2 workers died"))
    turn(worker)
    return worker


def test_what_was_refused_later_is_tried_again_as_well(server, clock):
    worker = refused(server, ["m"])
    assert not serving(worker)
    clock.now += AFRESH + 1
    turn(worker)
    assert serving(worker) == {"m": "1"}


def test_what_was_refused_stays_so_while_another_model_is_served(server, clock):
    server.add("n")
    worker = refused(server, ["m"])
    clock.now += AFRESH + 1
    turn(worker)
    assert serving(worker) == {"n": "1"}


def test_what_was_refused_stays_so_while_another_worker_serves(server, clock):
    """This worker could not load what the others have; what they have refused may end them."""
    server.add("n")
    other = refused(server, ["m"])
    worker = server.worker(SECOND)
    worker.predictor.fail(StartupError("it cannot be read here"))
    worker._next_attempt = float("inf")
    clock.now += AFRESH + 1
    turn(worker, other)
    assert worker.registry.versions()["m"].refused
