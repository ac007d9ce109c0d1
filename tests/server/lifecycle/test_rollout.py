"""A version is served by all workers of a server or by none; what is refused says why."""

import json
from dataclasses import replace

import pytest

from service.app import create_app
from service.errors import ModelNotFound, ModelNotReady
from service.server.lifecycle.rollout_state import Entry, forget_refusals
from service.settings import Settings
from tests.support.rollouts import FIRST, SECOND, add, answer, break_payload, entry, turn


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
