"""A version beside the current one: asked what callers asked, compared, counted, and never noticed by them."""

import json
import os
import re
import subprocess
from collections import Counter

import pandas as pd
import pytest
import requests
from click.testing import CliRunner
from sklearn.linear_model import LinearRegression

from benchmarks.support.serving import eventually, live_server
from service.capabilities import TableCall
from service.cli import main
from service.errors import StartupError
from service.packing import pack
from service.predictor import Predictor
from service.server.lifecycle import shadows as module
from service.server.lifecycle.shadow_states import ShadowState, ShadowStates
from service.server.lifecycle.shadows import Shadows
from service.settings import Settings
from service.store.shadow import Shadow, end_shadow, read_shadow, set_shadow
from service.store.versions import Store
from service.web.context import RequestContext
from tests.support.tiny_text import pack_tiny

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 5.0], "b": [1.0, 0.0, 3.0, 1.0]})
Y = X["a"] + X["b"]


def add(folder, table, y):
    pack(LinearRegression().fit(table, y), table, y, name="m", store=folder)


@pytest.fixture
def store(tmp_path):
    """`m`: version 1 gives a + b; 2 adds 0.5 where a > b; 3 is the same as 1 with its columns the other way round."""
    folder = tmp_path / "store"
    add(folder, X, Y)
    add(folder, X, Y + 0.5)
    add(folder, X[["b", "a"]], Y)
    store = Store(folder)
    store.promote("m", "1")
    return store


class Metered:
    """A Meter that keeps what it is told."""

    def __init__(self):
        self.counts, self.numbers = Counter(), {}

    def add(self, metric, amount, **labels):
        self.counts[metric.removeprefix("daylight_shadow_")] += amount

    def set(self, metric, number, **labels):
        self.numbers[metric] = number


@pytest.fixture
def begun(store, monkeypatch):
    """begun(version, share): (the Predictor, its Shadows without a thread, what they count)."""
    monkeypatch.setattr(module, "REST", 0)

    def begin(version, share=1.0):
        set_shadow(store, "m", version, share)
        predictor, meter = Predictor(Settings(store=store.root)), Metered()
        predictor.load()
        shadows = Shadows(predictor, meter, None)
        shadows.follow()
        return predictor, shadows, meter

    return begin


def ask(predictor, shadows, instances, version=None):
    model = predictor.find("m", version)
    call = TableCall(model.plan.read(instances) if isinstance(instances, list) else instances)
    shadows.answered(model, call, model.run(call), RequestContext())


def test_rows_that_are_answered_otherwise_are_counted_with_the_largest_difference(begun):
    predictor, shadows, meter = begun("2")
    for _ in range(3):
        ask(predictor, shadows, [[1.0, 2.0], [2.0, 2.0]])
        shadows.ask_next()
    assert meter.counts == {"rows": 6, "disagreements": 6}
    assert meter.numbers["daylight_shadow_max_difference"] == pytest.approx(0.5)


def test_a_shadow_with_its_columns_in_another_order_is_asked_by_their_names(begun):
    """The rows that the current version was given are arrays in its own order."""
    predictor, shadows, meter = begun("3")
    ask(predictor, shadows, [[1.0, 7.0]])
    shadows.ask_next()
    assert meter.counts == {"rows": 1, "disagreements": 0}


def test_a_share_of_the_requests_is_asked_and_none_of_those_that_name_a_version(begun, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 10_000)
    predictor, shadows, _ = begun("2", 0.25)
    for _ in range(1000):
        ask(predictor, shadows, [[1.0, 2.0]])
    assert 150 < len(shadows._waiting) < 350
    shadows._waiting.clear()
    for _ in range(100):
        ask(predictor, shadows, [[1.0, 2.0]], version="3")
    assert not shadows._waiting


def test_what_it_has_no_time_for_is_counted(begun):
    predictor, shadows, meter = begun("2")
    for _ in range(module.WAITING + 5):
        ask(predictor, shadows, [[1.0, 2.0]])
    assert meter.counts == {"dropped": 5}


def test_a_shadow_that_fails_rests(begun, caplog):
    predictor, shadows, meter = begun("2")

    def fail(call):
        raise RuntimeError("broken")

    shadows._running["m"].model.run = fail
    for _ in range(3):
        ask(predictor, shadows, [[1.0, 2.0]])
        if shadows._waiting:
            shadows.ask_next()
    assert meter.counts == {"failures": 1, "dropped": 2}
    assert caplog.text.count("fails, and rests") == 1


def test_it_is_freed_when_it_answers_itself_or_is_ended(begun, store):
    predictor, shadows, _ = begun("2")
    assert shadows._told["m"].state == "running"
    predictor.swap({"m": predictor.open("m", "2")})
    shadows.follow()
    assert not shadows._running
    set_shadow(store, "m", "3", 0.5)
    shadows.follow()
    assert (shadows._running["m"].model.version, shadows._running["m"].share) == ("3", 0.5)
    end_shadow(store, "m")
    shadows.follow()
    assert not shadows._running
    assert not shadows._told


def test_it_goes_on_beside_the_version_that_takes_over(begun):
    predictor, shadows, meter = begun("2")
    predictor.swap({"m": predictor.open("m", "3")})
    ask(predictor, shadows, [[1.0, 2.0]])
    assert not shadows._waiting
    shadows.follow()
    ask(predictor, shadows, [[1.0, 2.0]])
    shadows.ask_next()
    assert meter.counts == {"rows": 1, "disagreements": 1}


def test_a_version_that_cannot_be_loaded_is_refused_once_with_the_reason(begun, store, caplog):
    predictor, shadows, _ = begun("3")
    for file in (store.root / "m" / "2").glob("*.onnx"):
        file.write_bytes(b"damaged")
    (store.root / "m" / "shadow.json").write_text(json.dumps({"version": "2", "share": 1.0}))
    for _ in range(3):
        shadows.follow()
    assert shadows._told["m"].state == "refused"
    assert caplog.text.count("m version 2 cannot be a shadow: ") == 1
    assert not shadows._running
    assert predictor.ready


def test_a_version_of_which_a_worker_died_is_loaded_by_no_other(begun, store, tmp_path):
    predictor, _, meter = begun("2")
    folder = tmp_path / "workers"
    folder.mkdir()
    ended = subprocess.Popen(["true"])
    ended.wait()
    (folder / f"{ended.pid}.shadow").write_text(json.dumps({"m": vars(ShadowState("2", "loading"))}))
    shadows = Shadows(predictor, meter, folder)
    shadows.follow()
    assert ShadowStates(folder).of_all("m") == {
        os.getpid(): ShadowState("2", "refused", "a worker ended while it loaded it")
    }


def test_one_worker_loads_at_a_time(begun, tmp_path):
    predictor, _, meter = begun("2")
    folder = tmp_path / "workers"
    folder.mkdir()
    shadows = Shadows(predictor, meter, folder)
    with ShadowStates(folder).turn() as mine:
        assert mine
        shadows.follow()
        assert not shadows._running
    shadows.follow()
    assert shadows._running


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": "2"}', '{"version": "2", "share": 0}', '{"version": "2", "share": "x"}']
)
def test_a_file_that_says_no_shadow_is_none(tmp_path, text):
    (tmp_path / "shadow.json").write_text(text)
    assert read_shadow(tmp_path) is None


def test_the_store_refuses_what_cannot_be_a_shadow_and_keeps_what_is(store):
    with pytest.raises(ValueError, match="is the current one"):
        set_shadow(store, "m", "1", 0.1)
    with pytest.raises(StartupError):
        set_shadow(store, "m", "9", 0.1)
    set_shadow(store, "m", "2", 0.1)
    assert read_shadow(store.root / "m") == Shadow("2", 0.1)
    with pytest.raises(ValueError, match="is the shadow; end that first"):
        store.remove("m", "2")


def run(store, *arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--store", str(store.root)])


def test_all_workers_of_a_server_run_it_and_everybody_can_see_what_it_does(store):
    body = {"instances": [{"a": 1.0, "b": 2.0}]}
    with live_server(store.root, workers=2) as server:
        began = run(store, "shadow", "m", "2", "--share", "1")
        assert began.exit_code == 0, began.output
        assert re.search(r"2 workers run it, [0-9.]+ MB in each", began.output)

        def counted():
            assert requests.post(f"{server}/v1/models/m:predict", json=body, timeout=30).json()["model_version"] == "1"
            (told,) = json.loads(run(store, "shadow", "m", "--json").stdout)["servers"]
            # A worker counts the rows before those among them that are answered otherwise.
            return told["disagreements"] >= 5 and told["rows"] == told["disagreements"] and told

        told = eventually(counted, what="five disagreements, and no other rows")
        assert (told["workers"], told["rows"], told["failures"]) == (2, told["disagreements"], 0)
        assert told["max_difference"] == pytest.approx(0.5)
        assert 'daylight_shadow_rows_total{model="m",version="2"}' in requests.get(f"{server}/metrics", timeout=30).text
        assert "version 2 is its shadow in 2 workers" in run(store, "models").output
        assert "Shadow: version 2 is its shadow" in requests.get(f"{server}/operations", timeout=30).text
        ended = run(store, "shadow", "m", "--off")
        assert ended.output == "m version 2 is no shadow any more\n"
        eventually(lambda: server.log.count("m version 2 is no shadow any more") == 2, what="both workers")
        assert run(store, "shadow", "m").output == "m has no shadow\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["m", "9"], 1, "no version 9"),
        (["m", "1"], 1, "is the current one"),
        (["m", "2", "--off"], 2, "--off takes no VERSION"),
        (["m", "--share", "0.5"], 2, "--share needs one"),
        (["m", "2", "--share", "0"], 2, "0<x<=1"),
        (["n", "2"], 1, "no model"),
    ],
    ids=["no version", "current", "off", "share", "zero", "no model"],
)
def test_wrong_commands_are_sentences(store, arguments, code, said):
    found = run(store, "shadow", *arguments)
    assert found.exit_code == code
    assert said in found.output
    assert read_shadow(store.root / "m") is None


def test_a_text_model_is_no_shadow(tmp_path):
    pack_tiny(tmp_path)
    found = run(Store(tmp_path), "shadow", "tiny", "1")
    assert (found.exit_code, "only a version that predicts tables" in found.output) == (1, True)
