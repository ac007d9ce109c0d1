"""A store with two versions, and workers of one server that follow it."""

import pytest

from service.predictor import Predictor
from service.server.lifecycle.rollout import Rollout
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.settings import Settings
from service.store.versions import Store
from tests.support.rollouts import FIRST, SECOND, add


@pytest.fixture
def store(tmp_path):
    """Versions 1 and 2 of `m`, which answer 1.0 and 2.0; 1 is current."""
    for value in (1.0, 2.0):
        add(tmp_path / "store", value)
    store = Store(tmp_path / "store")
    store.promote("m", "1")
    return store


@pytest.fixture
def worker(store, tmp_path):
    """A function: another worker of the same server, loaded, its thread not started."""

    def make(pid=FIRST, load=True, patience=60.0, **settings):
        predictor = Predictor(Settings(store=store.root, workers=2, **settings))
        rollout = Rollout(predictor, WorkerRegistry(tmp_path / "run", master=1, pid=pid), patience=patience)
        if load:
            rollout.load()
        return rollout

    return make


@pytest.fixture
def two(worker):
    return worker(FIRST), worker(SECOND)
