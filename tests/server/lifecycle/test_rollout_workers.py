"""Workers that start, die, hang or are silent in the middle of a rollout, and readiness, which speaks for all."""

import json
import os
from dataclasses import replace
from time import monotonic_ns

import pytest

from service.errors import StartupError
from service.server.lifecycle.rollout_state import mark_preparing
from service.server.lifecycle.worker_registry import unready
from service.server.lifecycle.worker_status import WorkerState
from tests.support.rollouts import FIRST, SECOND, answer, break_payload, entry, turn


def test_two_workers_never_prepare_a_version_together_after_a_death(store, two):
    """Both had looked at the table before either marked it; both died, and no worker was left."""
    first, second = two
    store.promote("m", "2")
    first._watch.propose_changes(first.registry.versions())
    with first.registry.locked_versions() as table:
        proposal = replace(table["m"].proposal, died=1)
        table["m"] = replace(table["m"], proposal=proposal)
        mark_preparing(table, "m", proposal, FIRST, begins=True)
    second._prepare("m", proposal)  # as it was before the first worker marked it
    assert entry(second).proposal.preparing == (FIRST,)
    assert not second._votes


def test_new_worker_serves_the_committed_version_and_not_a_refused_one(store, worker):
    first = worker(FIRST)
    break_payload(store, "2")
    store.promote("m", "2")
    turn(first)
    late = worker(SECOND)
    assert answer(late) == [1.0]
    late.turn()
    assert late.predictor.refused["m"]["version"] == "2"


def test_a_worker_that_starts_in_the_middle_of_a_swap_follows(store, worker):
    first, second = worker(FIRST), worker(SECOND)
    store.promote("m", "2")
    first.turn()
    second.registry.forget(SECOND)  # killed
    late = worker(SECOND)
    assert answer(late) == [1.0]
    turn(late, first)
    assert answer(first) == answer(late) == [2.0]


def test_the_vote_of_the_dead_is_not_waited_for(store, worker):
    first, second = worker(FIRST), worker(SECOND)
    store.promote("m", "2")
    first.turn()
    assert answer(first) == [1.0]
    second.registry.forget(SECOND)
    first.turn()
    assert answer(first) == [2.0]


def test_worker_that_missed_the_preparation_loads_the_committed_version(store, worker):
    first = worker(FIRST)
    second = worker(SECOND)
    second._publish(state=WorkerState.STARTING)  # not counted on
    store.promote("m", "2")
    turn(first, times=2)
    assert answer(first) == [2.0]
    second.turn()
    assert answer(second) == [2.0]


def test_who_loads_for_too_long_holds_up_nobody(store, worker):
    first, second = worker(FIRST, patience=0.0), worker(SECOND)
    store.promote("m", "2")
    turn(first, times=2)
    assert "has not loaded it within 0 seconds" in first.predictor.refused["m"]["reason"]
    assert answer(first) == answer(second) == [1.0]


def test_readiness_speaks_for_all_workers(store, worker):
    first = worker(FIRST)
    assert first.unready() == [{"state": "starting", "why": "1 of 2 workers are there"}]
    second = worker(SECOND, load=False)
    second._publish(state=WorkerState.STARTING)
    assert [one["state"] for one in first.unready()] == ["starting"]
    second.load()
    assert first.unready() == []
    second._publish(state=WorkerState.STARTING)  # one that replaces another takes no requests yet
    assert first.unready() == []
    second._publish(state=WorkerState.FAILED, why="broken")
    assert first.unready() == [{"worker": SECOND, "state": "failed", "why": "broken"}]
    second.registry.forget(SECOND)
    assert first.unready() == []
    first.drain()
    assert [one["state"] for one in first.unready()] == ["draining"]


def test_a_worker_whose_thread_is_silent_is_not_ready(store, two):
    first, second = two
    assert first.unready() == []
    path = second.registry.folder / f"{SECOND}.worker"
    said = json.loads(path.read_text())
    os.utime(path, ns=(0, monotonic_ns() - 60 * 10**9))
    assert [one["state"] for one in unready(first.registry, 2)] == ["silent"]
    path.write_text(json.dumps(said | {"busy": True}))  # it loads a model
    os.utime(path, ns=(0, monotonic_ns() - 60 * 10**9))
    assert unready(first.registry, 2) == []


def test_a_worker_that_cannot_load_tries_again_by_itself(store, worker, monkeypatch):
    """gunicorn replaced a killed worker over a broken store: it waits until the store is mended."""
    monkeypatch.setattr("service.server.lifecycle.rollout.RETRY", 0.0)
    (path,) = (store.root / "m" / "1").glob("*.joblib")
    sound = path.read_bytes()
    path.write_bytes(b"")
    one = worker(load=False)
    with pytest.raises(StartupError):
        one.load()
    one.turn()
    assert not one.predictor.ready
    path.write_bytes(sound)
    one.turn()
    assert one.predictor.ready
    assert answer(one) == [1.0]


def test_promoted_version_replaces_a_broken_one_after_all_workers_died(store, worker):
    worker(SECOND).registry.forget(SECOND)
    break_payload(store, "1")
    store.promote("m", "2")
    one = worker(FIRST)
    assert answer(one) == [2.0]
    turn(one)
    assert answer(one) == [2.0]
