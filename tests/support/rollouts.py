"""Rollouts in one process: workers that share a folder, each turned by hand, so that every step can be looked at."""

import os

import numpy as np
from sklearn.dummy import DummyRegressor

from service.capabilities import TableCall
from service.packing import pack
from service.web.context import RequestContext

__all__ = ["FIRST", "SECOND", "add", "answer", "break_payload", "entry", "turn"]

X = np.array([[0.0], [1.0], [2.0]])


# Two processes that live as long as the test.
FIRST, SECOND = os.getpid(), os.getppid()


def add(store, value, name="m"):
    """A version of a model that always answers `value`."""
    return pack(DummyRegressor(strategy="constant", constant=value).fit(X, X[:, 0]), X, name=name, store=store)


def turn(*rollouts, times=4):
    for _ in range(times):
        for rollout in rollouts:
            rollout.turn()


def answer(rollout, name="m", version=None):
    return rollout.predictor.run(
        rollout.predictor.find(name, version), TableCall([[0.0]]), RequestContext()
    ).predictions


def entry(rollout, name="m"):
    return rollout.registry.versions()[name]


def break_payload(store, version, name="m"):
    (path,) = (store.root / name / version).glob("*.joblib")
    path.write_bytes(path.read_bytes() + b"\0")
