"""Nine models in a real server, one of them broken: the other eight are served, and callers are told why."""

import os
import time

import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import eventually, launch, live_server, refusal, stop
from service.cli import main
from service.packing.python_class import pack_class
from service.store.proven import proven
from service.store.versions import Store

GOOD = [f"good{number}" for number in range(8)]
ROW = {"instances": [{"x": 1.0}]}
WORKERS = pytest.mark.parametrize("workers", [1, 2])

# What `load` and `predict` of the ninth model do, by a file that the test writes after it was packed.
SOURCE = """
import os
import pathlib
import sys
import threading


class Model:
    class Inputs:
        x: float

    example = {{"x": 1.0}}

    def load(self, folder):
        mode = pathlib.Path({mode!r})
        self.mode = mode.read_text() if mode.exists() else ""
        if self.mode == "library":
            import a_library_that_nobody_has
        if self.mode == "segfault":
            os.kill(os.getpid(), 11)
        if self.mode == "exit":
            sys.exit(3)
        if self.mode == "sleep":
            threading.Event().wait()
        if self.mode == "spin":
            while True:
                pass
        if self.mode == "memory":
            self.kept = bytearray(2**46)
        if self.mode == "slow":
            threading.Event().wait(1.5)

    def predict(self, rows) -> list[float]:
        if self.mode == "raise":
            raise ZeroDivisionError("in its example")
        return [{value} for row in rows]
"""


@pytest.fixture
def mode(tmp_path):
    """The file that says how the ninth model is broken."""
    return tmp_path / "mode"


def add(store, name, folder, value=1.0, mode=os.devnull):
    folder.mkdir(exist_ok=True)
    source = folder / f"{name}_{value:.0f}.py"
    source.write_text(SOURCE.format(mode=str(mode), value=value))
    return pack_class(f"{source}:Model", name=name, store=store)


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    """A store of the eight that are sound."""
    folder = tmp_path_factory.mktemp("eight")
    for name in GOOD:
        add(folder / "store", name, folder / "sources")
    return folder / "store"


@pytest.fixture
def store(eight, tmp_path, mode):
    """A store of its own of the eight, and `bad`, sound until `mode` says otherwise; it is loaded first."""
    root = tmp_path / "store"
    root.mkdir()
    for name in GOOD:
        (root / name).symlink_to(eight / name)
    add(root, "bad", tmp_path / "sources", mode=mode)
    return Store(root)


def wrong_digest(folder, mode):
    source = next(folder.glob("code/*.py"))
    source.write_text(source.read_text() + "#")


def missing_file(folder, mode):
    next(folder.glob("code/*.py")).unlink()


def unreadable_folder(folder, mode):
    """As a folder that may not be entered; the user of the tests may be root, who may enter all."""
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()


def says(word):
    def spoil(folder, mode):
        mode.write_text(word)

    spoil.__name__ = word
    return spoil


WAYS = [
    (wrong_digest, "has sha256"),
    (missing_file, "is missing"),
    (unreadable_folder, "cannot be read: Is a directory"),
    (says("library"), "No module named 'a_library_that_nobody_has'"),
    (says("raise"), "in its example"),
    (says("exit"), "SystemExit"),
    (says("memory"), "MemoryError"),
    (says("segfault"), "died while"),
]
ENDLESS = [says("sleep"), says("spin")]


def answers(server, name, version="1"):
    try:
        answer = requests.post(f"{server}/v1/models/{name}:predict", json=ROW, timeout=5)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return answer.status_code == 200 and answer.json()["model_version"] == version


def seconds_until_served(server, names):
    began = time.monotonic()
    eventually(lambda: all(answers(server, name) for name in names), what="the answers of all sound models")
    return time.monotonic() - began


@pytest.fixture(scope="module")
def usual(eight):
    """Seconds that a server of the eight takes until all of them answer, by its number of workers."""
    found = {}
    for workers in (1, 2):
        began = time.monotonic()
        with launch(eight, workers=workers) as server:
            seconds_until_served(server, GOOD)
            found[workers] = time.monotonic() - began
            stop(server)
    return found


@WORKERS
@pytest.mark.parametrize(("spoil", "reason"), WAYS, ids=lambda value: getattr(value, "__name__", None))
def test_one_broken_model_keeps_up_no_other(store, mode, usual, workers, spoil, reason):
    spoil(store.open("bad").folder, mode)
    began = time.monotonic()
    with live_server(store.root, workers=workers) as server:
        seconds_until_served(server, GOOD)
        took = time.monotonic() - began
        eventually(lambda: refused_for(server, "bad", reason), what="the reason")
        assert requests.get(f"{server}/health/ready", timeout=10).ok
        assert all(answers(server, name) for name in GOOD)
    # Far below what a load that stands still may take, and enough for a machine that does something else as well.
    assert took < 2 * usual[workers] + 10, f"{took:.1f} s, usually {usual[workers]:.1f} s"


def refused_for(server, name, reason):
    """Whether a call of the model is answered 503, with this reason; not yet, where the worker that has it dies."""
    try:
        told = requests.post(f"{server}/v1/models/{name}:predict", json=ROW, timeout=10)
    except (requests.ConnectionError, requests.Timeout):
        return False
    return (told.status_code, told.json().get("code")) == (503, "model_not_ready") and reason in told.text


@WORKERS
@pytest.mark.parametrize("spoil", ENDLESS, ids=lambda value: value.__name__)
def test_a_load_without_end_keeps_up_no_other(store, mode, workers, spoil):
    spoil(store.open("bad").folder, mode)
    with launch(store.root, workers=workers, env={"DAYLIGHT_SWAP_SECONDS": "6"}) as server:
        seconds_until_served(server, GOOD)
        assert "bad version 1 is being loaded" in requests.get(f"{server}/health/ready", timeout=10).text
        assert refused_for(server, "bad", "bad version 1 is being loaded")
        eventually(lambda: refused_for(server, "bad", "has not loaded it within 6 seconds"), what="the refusal")
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert all(answers(server, name) for name in GOOD)
        stop(server)


@WORKERS
def test_a_slow_model_is_served_when_it_is_loaded(store, mode, workers):
    mode.write_text("slow")
    with live_server(store.root, workers=workers) as server:
        assert all(answers(server, name) for name in [*GOOD, "bad"])  # ready means all of them


def test_the_last_proven_version_serves_in_the_broken_ones_place_and_everybody_is_told(store, mode, tmp_path):
    """Version 3 is broken, 2 was promoted and refused before it, 1 has served."""
    with live_server(store.root) as server:
        assert answers(server, "bad")
    assert proven(store, "bad") == ["1"]
    for value in (2.0, 3.0):
        add(store.root, "bad", tmp_path / "sources", value=value)
        missing_file(store.open("bad").folder, mode)
    with live_server(store.root) as server:
        assert all(answers(server, name) for name in [*GOOD, "bad"])
        refused = requests.get(f"{server}/health/ready", timeout=10).json()["refused"]
        assert refused.keys() == {"bad"}
        assert refused["bad"]["version"] == "3"
        assert "is missing" in refused["bad"]["reason"]
        assert requests.get(f"{server}/v1/models", timeout=10).json()["refused"] == refused
        assert requests.get(f"{server}/v1/models/bad", timeout=10).json()["refused"] == refused["bad"]
        assert "bad version 3</strong> cannot be served" in page(server)
        assert 'daylight_refused_models{model="bad"} 1.0' in requests.get(f"{server}/metrics", timeout=10).text
        assert "bad version 3 is refused: bad version 3: " in server.log
        add(store.root, "bad", tmp_path / "sources", value=4.0)
        eventually(lambda: answers(server, "bad", "4"), what="version 4")
        # A request that finds version 4 committed is answered by it, before the worker's thread has looked.
        ready = {"status": "ready"}
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).json() == ready, what="no refusal")
        assert "daylight_refused_models{" not in requests.get(f"{server}/metrics", timeout=10).text


def page(server):
    return requests.get(f"{server}/", headers={"Accept": "text/html"}, timeout=10).text


def test_strict_refuses_the_start(store, mode):
    mode.write_text("raise")
    code, said = refusal(store.root, env={"DAYLIGHT_STRICT": "yes"})
    assert code == 190
    assert "refuses to start: bad version 1 fails on its own example" in said
    missing_file(store.open("bad").folder, mode)
    code, said = refusal(store.root, env={"DAYLIGHT_STRICT": "yes"})
    assert code == 190
    assert "Booting worker" not in said


def test_models_lists_what_is_broken_and_why(store, mode):
    missing_file(store.open("bad").folder, mode)
    found = CliRunner().invoke(main, ["models", "--store", str(store.root)])
    assert found.exit_code == 0
    _, first, reason, *others = found.output.splitlines()
    assert first.split()[:2] == ["bad", "BROKEN"]
    assert "BROKEN: bad version 1: " in reason
    assert "is missing" in reason
    assert [line.split()[0] for line in others] == GOOD
