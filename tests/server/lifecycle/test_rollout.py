"""Swaps in one process: two workers that share a folder, each turned by hand, so that every step can be looked at."""

import gc
import json
import os
import shutil
import threading
import weakref
from dataclasses import replace
from time import monotonic_ns

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

from service.app import create_app
from service.capabilities import TableCall
from service.errors import ModelNotFound, ModelNotReady, StartupError
from service.packing import pack
from service.predictor import Predictor
from service.server.lifecycle.rollout import Rollout
from service.server.lifecycle.rollout_state import Entry, forget_refusals, mark_preparing
from service.server.lifecycle.worker_registry import WorkerRegistry, unready
from service.server.lifecycle.worker_status import WorkerState
from service.settings import Settings
from service.store.versions import Store
from service.web.context import RequestContext
from tests.support.tiny_text import pack_tiny

X = np.array([[0.0], [1.0], [2.0]])
# Two processes that live as long as the test.
FIRST, SECOND = os.getpid(), os.getppid()


def add(store, value, name="m"):
    """A version of a model that always answers `value`."""
    return pack(DummyRegressor(strategy="constant", constant=value).fit(X, X[:, 0]), X, name=name, store=store)


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


def test_promotion_is_taken_by_all_workers_or_by_none(store, two):
    first, second = two
    store.promote("m", "2")
    first.turn()
    assert entry(first).proposal.version == "2"
    assert answer(first) == answer(second) == [1.0]  # prepared, and nobody moves before the other
    second.turn()
    assert answer(second) == [2.0]
    first.turn()
    assert answer(first) == [2.0]
    assert replace(entry(first), stamp=None) == Entry("2")


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


def test_a_version_that_one_worker_cannot_load_is_refused_by_all(store, two, caplog):
    first, second = two
    store.promote("m", "2")
    first.turn()
    break_payload(store, "2")
    turn(second, first)
    for rollout in two:
        assert answer(rollout) == [1.0]
        told = rollout.predictor.entry(rollout.predictor.find("m"))
        assert told["version"] == "1"
        assert told["refused"]["version"] == "2"
        assert "has sha256" in told["refused"]["reason"]
    turn(first, second)
    assert caplog.text.count("m version 2 is refused") == 2  # once a worker


def test_refused_version_is_tried_again_when_promoted_again(store, two):
    (path,) = (store.root / "m" / "2").glob("*.joblib")
    sound = path.read_bytes()
    break_payload(store, "2")
    store.promote("m", "2")
    turn(*two)
    assert two[0].predictor.refused
    path.write_bytes(sound)
    turn(*two)
    assert answer(two[0]) == [1.0]
    assert store.rollback("m") == "1"
    turn(*two)
    assert not two[0].predictor.refused
    store.promote("m", "2")
    turn(*two)
    assert answer(two[0]) == answer(two[1]) == [2.0]


def test_an_example_that_is_answered_otherwise_is_a_reason_too(store, two):
    path = store.root / "m" / "2" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["example"]["outputs"]["predict"] = [7.0] * len(manifest["example"]["outputs"]["predict"])
    path.write_text(json.dumps(manifest))
    store.promote("m", "2")
    turn(*two)
    assert "answers its own example with" in two[0].predictor.refused["m"]["reason"]
    assert answer(two[0]) == [1.0]


def test_models_come_and_go(store, two):
    add(store.root, 3.0, name="n")
    turn(*two)
    assert [answer(rollout, "n") for rollout in two] == [[3.0], [3.0]]
    (store.root / "m" / "current").unlink()
    turn(*two)
    for rollout in two:
        with pytest.raises(ModelNotFound):
            rollout.predictor.find("m")


def test_a_new_model_that_is_refused_says_why(store, two):
    add(store.root, 3.0, name="n")
    break_payload(store, "1", name="n")
    turn(*two)
    with pytest.raises(ModelNotReady, match="n version 1 is refused: .* has sha256"):
        two[0].predictor.find("n")


def test_the_default_model_stays_though_it_is_removed(store, worker):
    one = worker(default_tabular="m")
    add(store.root, 3.0, name="n")
    turn(one)
    (store.root / "m" / "current").unlink()
    turn(one)
    assert answer(one) == [1.0]
    assert "DAYLIGHT_DEFAULT_TABULAR names 'm'" in one.predictor.refused["m"]["reason"]


def test_a_store_that_vanishes_changes_nothing(store, two, tmp_path, caplog):
    store.root.rename(tmp_path / "elsewhere")
    turn(*two)
    assert answer(two[0]) == [1.0]
    store.root.mkdir()
    turn(*two)
    assert answer(two[0]) == [1.0]
    assert caplog.text.count("what is loaded stays") == 4  # twice in each worker, not at every look
    store.root.rmdir()
    (tmp_path / "elsewhere").rename(store.root)
    store.promote("m", "2")
    turn(*two)
    assert answer(two[0]) == [2.0]


def test_an_emptied_current_file_is_refused_with_the_cure(store, two):
    (store.root / "m" / "current").write_text("")
    turn(*two)
    assert answer(two[0]) == [1.0]
    assert "name a version: promote m VERSION" in two[0].predictor.refused["m"]["reason"]


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


def test_a_prepared_worker_serves_what_is_committed_before_its_thread_looks(store, worker):
    """A caller who met a new version at one worker met the old one again at the next, for up to a tenth of a second."""
    first, second = worker(FIRST), worker(SECOND)
    store.promote("m", "2")
    first.turn()
    second.turn()
    assert answer(second) == [2.0], "it has committed"
    assert first.predictor.serving()["m"].version == "1", "its thread has not looked yet"
    assert answer(first) == [2.0]
    first.turn()
    assert first.registry.workers()[FIRST].serving == {"m": "2"}, "and the others are told"


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


def test_two_swaps_in_a_row_end_at_the_last(store, two):
    first, second = two
    store.promote("m", "2")
    first.turn()
    store.promote("m", "1")
    turn(first, second)
    assert answer(first) == answer(second) == [1.0]
    assert not first.predictor.refused


def test_unloading_and_loading_go_the_same_way(store, two):
    first, second = two
    first.ask("m", load=False)
    turn(*two)
    for rollout in two:
        with pytest.raises(ModelNotFound):
            rollout.predictor.find("m")
    assert second.unready()[0]["why"] == "no model is loaded"
    store.promote("m", "2")  # promoting is no loading
    turn(*two)
    assert entry(first).serving is None
    second.ask("m", load=True)
    turn(*two)
    assert answer(first) == answer(second) == [2.0]
    assert not second.unready()
    with pytest.raises(ModelNotFound):
        first.ask("nobody", load=True)


def test_a_version_unfit_for_the_worker_class_is_refused(store, two):
    two[1].predictor.restrict(lambda stored: f"{stored} is slow" if stored.manifest.version == "2" else None)
    store.promote("m", "2")
    turn(*two)
    assert two[0].predictor.refused["m"]["reason"] == "m version 2 is slow"
    two[1].predictor.restrict(lambda stored: None)
    with two[0].registry.locked_versions() as table:
        forget_refusals(table)  # as the master does when other workers have taken over
    turn(*two)
    assert answer(two[0]) == [2.0]


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


def test_replaced_model_is_freed_after_its_last_request(store, two):
    first = two[0]
    running = first.predictor.find("m")
    gone = weakref.ref(running)
    gc.disable()  # so that it is the last reference that frees the memory, and not a collector some time
    try:
        store.promote("m", "2")
        turn(*two)
        assert first.predictor.run(running, TableCall([[0.0]]), RequestContext()).predictions == [1.0]
        assert first._follower.retired.living()
        del running
        assert gone() is None
    finally:
        gc.enable()


def test_a_replaced_text_model_writes_its_last_text_to_the_end(tmp_path):
    store = tmp_path / "store"
    pack_tiny(store)
    predictor = Predictor(Settings(store=store, workers=1))
    rollout = Rollout(predictor, WorkerRegistry(tmp_path / "run", master=1))
    rollout.load()
    old = predictor.find("tiny")
    text = old.stream("hello", old.parameters({"max_tokens": 40, "temperature": 0}))
    pieces = [next(text)]
    pack_tiny(store)
    turn(rollout)
    assert predictor.find("tiny").version == "2"
    pieces += text
    assert text.finish_reason == "length"
    assert text.completion_tokens == 40
    gone = weakref.ref(old.engine)
    del old, text
    turn(rollout)
    gc.collect()
    assert gone() is None
    assert not [one for one in threading.enumerate() if one.name == "daylight-engine"]


def test_texts_are_ended_as_cancelled_when_the_grace_is_over(tmp_path):
    pack_tiny(tmp_path / "store")
    predictor = Predictor(Settings(store=tmp_path / "store", workers=1))
    rollout = Rollout(predictor, WorkerRegistry(tmp_path / "run", master=1), grace=0.0)
    rollout.load()
    model = predictor.find("tiny")
    text = model.stream("hello", model.parameters({"max_tokens": 100, "temperature": 0}))
    next(text)
    rollout.drain()
    assert rollout.turn()
    list(text)
    assert text.finish_reason in ("cancelled", "length")
    with pytest.raises(ModelNotReady):
        model.generate("hello", model.parameters({"max_tokens": 2}))


def test_explicitly_loaded_version_is_unloaded_when_its_folder_is_removed(store, worker):
    one = worker()
    assert answer(one, version="2") == [2.0]
    shutil.rmtree(store.root / "m" / "2")
    turn(one)
    with pytest.raises(ModelNotFound):
        answer(one, version="2")


@pytest.fixture
def client(store):
    """A client of an application outside of any server."""
    return create_app(Settings(store=store.root)).test_client()


def test_outside_of_a_server_nothing_is_loaded_or_unloaded(client):
    refused = client.post("/v2/repository/models/m/unload")
    assert refused.status_code == 503


def test_load_over_http_waits_for_all_workers_and_reports_the_outcome(store, tmp_path):
    app = create_app(Settings(store=store.root, run_folder=str(tmp_path / "run"), workers=1))
    rollout = app.extensions["daylight"].rollout
    asked = app.test_client().post
    waiting = asked("/v2/repository/models/m/unload")
    assert (waiting.status_code, waiting.json) == (202, {"name": "m", "version": "1", "state": "UNLOADING"})
    turn(rollout)
    assert app.test_client().get("/v1/models/m").status_code == 404
    waiting = asked("/v2/repository/models/m/load")
    assert (waiting.status_code, waiting.json["state"]) == (202, "LOADING")
    turn(rollout)
    done = asked("/v2/repository/models/m/load")
    assert (done.status_code, done.json) == (200, {"name": "m", "version": "1", "state": "READY"})
    assert asked("/v2/repository/models/n/load").status_code == 404
    break_payload(store, "2")
    store.promote("m", "2")
    turn(rollout)
    shown = app.test_client().get("/v1/models/m").json
    assert (shown["version"], shown["refused"]["version"]) == ("1", "2")
