"""The real server under steady load while versions change, workers come and go, and the store breaks."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

from benchmarks.support.nginx import behind_nginx
from benchmarks.support.serving import ROOT, eventually, live_server
from service.packing import pack
from service.packing.python_class import pack_class
from service.store.versions import Store
from tests.support.steady import SteadyRequests
from tests.support.workers import AS_MODULE, CLASSES, GTHREAD, alive, megabytes, needs_nginx, replaced, served, text_of

X = np.array([[0.0], [1.0], [2.0]])
AS_SCRIPT = [Path(sys.executable).with_name("gunicorn")]
PROGRAMS = pytest.mark.parametrize("program", [AS_MODULE, AS_SCRIPT], ids=["module", "script"])


@pytest.fixture
def store(tmp_path):
    """Versions 1 and 2 of `m`, compiled, which answer 1.0 and 2.0; 1 is current."""
    for value in (1.0, 2.0):
        pack(LinearRegression().fit(X, np.full(3, value)), X, name="m", store=tmp_path / "store")
    store = Store(tmp_path / "store")
    store.promote("m", "1")
    return store


def predicts(server):
    return f"{server}/v1/models/m:predict"


def at_version(load, version, since, answers=30):
    """Whether the last answers were all of this version."""
    found = load.since(since)[-answers:]
    return len(found) == answers and set(found) == {version}


def swaps(store, server, times):
    """Promote and roll back under load; returns the load and the seconds that each took to be everywhere."""
    took = []
    with SteadyRequests(predicts(server)) as load:
        eventually(lambda: load.answers, what="load")
        for number in range(times):
            began = time.monotonic()
            if number % 2:
                store.rollback("m")
            else:
                store.promote("m", "2")
            wanted = store.current("m")
            eventually(lambda since=began, wanted=wanted: at_version(load, wanted, since), what=f"version {wanted}")
            took.append(time.monotonic() - began)
    return load, took


def check_swaps(load, took):
    assert not load.failures
    assert not [one for one in load.answers if float(one[2]) != one[3]], "an answer of another version than it says"
    assert max(took) < 4, took  # 2 s and the model's own load time, on a machine that is busy with its own clients


@CLASSES
def test_promotes_and_rollbacks_under_load_lose_and_mix_nothing(store, env):
    with live_server(store.root, workers=2, env=env) as server:
        check_swaps(*swaps(store, server, times=10))


@CLASSES
def test_the_version_of_a_server_never_goes_back(store, env):
    """Each request of this caller may meet another worker. It met the old version again, for a tenth of a second."""
    with live_server(store.root, workers=4, env=env) as server, ThreadPoolExecutor() as pool:
        promoting = pool.submit(store.promote, "m", "2")
        seen = []
        while seen[-20:] != ["2"] * 20:
            seen.append(served(server))
        promoting.result()
    assert seen == sorted(seen)
    assert seen[0] == "1"


@pytest.mark.heavy
@CLASSES
def test_a_hundred_promotes_and_rollbacks_under_load(store, env):
    with live_server(store.root, workers=2, env=env) as server:
        check_swaps(*swaps(store, server, times=100))


def test_broken_version_is_refused_and_new_workers_serve_the_old_one(store):
    (path,) = (store.root / "m" / "2").glob("*.onnx")
    path.write_bytes(path.read_bytes()[:-1])
    with live_server(store.root, workers=2) as server, SteadyRequests(predicts(server)) as load:
        store.promote("m", "2")
        shown = eventually(lambda: refused(server), what="the refusal")
        assert shown["version"] == "2"
        assert "has sha256" in shown["reason"]
        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        eventually(lambda: killed not in server.workers() and len(server.workers()) == 2, what="another worker")
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert time.monotonic() - began < 10
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.log.count("Worker exiting") == 2, what="the old workers' end")
        eventually(lambda: refused(server), what="the refusal, once more")
        assert set(load.since(0)) == {"1"}


def refused(server):
    return requests.get(f"{server}/v1/models/m", timeout=10).json().get("refused")


def test_version_that_kills_a_worker_is_refused_and_the_server_survives(store, tmp_path):
    """Its load() ends the process; both workers may die of it, one after the other, never at once."""
    source = tmp_path / "deadly.py"
    source.write_text(DEADLY.format(mark=str(tmp_path / "armed")))
    with live_server(store.root, workers=2, env=GTHREAD) as server:
        pack_class(f"{source}:Deadly", name="m", store=store.root)
        eventually(lambda: "m is at version 3" in server.log or refused(server), what="a decision")
        store.promote("m", "1")
        eventually(lambda: server.log.count("m is at version 1") >= 2, what="version 1")
        (tmp_path / "armed").touch()
        with SteadyRequests(predicts(server), threads=2) as load:
            store.promote("m", "3")
            told = eventually(lambda: refused_while_dying(server), seconds=60, what="the refusal")
        assert told["reason"] == "2 workers died while they loaded it"
        assert {version for _, _, version, _ in load.answers} == {"1"}
        assert "Shutting down" not in server.log


def refused_while_dying(server):
    try:
        return refused(server)
    except requests.ConnectionError:  # it was asked of the one that died
        return None


DEADLY = """
import os


class Deadly:
    class Inputs:
        x: float

    example = {{"x": 1.0}}

    def load(self, folder):
        if os.path.exists("{mark}"):
            os._exit(9)

    def predict(self, rows) -> list[float]:
        return [3.0 for row in rows]
"""


def test_slow_version_is_refused_by_the_keep_alive_worker_until_hup(store):
    """The single-threaded worker was chosen from the store as it was."""
    with live_server(store.root, workers=2) as server:
        assert "worker class service.server.keepalive_worker.KeepAliveWorker" in server.log
        slow = DummyRegressor(strategy="constant", constant=3.0).fit(X, X[:, 0])
        pack(slow, X, name="m", store=store.root, runtime="sklearn")
        shown = eventually(lambda: refused(server), what="the refusal")
        assert f"HUP to process {server.pid} changes it" in shown["reason"]
        with SteadyRequests(predicts(server), threads=1) as load:
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: at_version(load, "3", 0, answers=5), what="version 3, by other workers")
        assert not refused(server)


@CLASSES
def test_unload_and_load_over_http_reach_every_worker(store, env):
    with live_server(store.root, workers=2, env=env) as server:
        for verb, status in (("unload", 404), ("load", 200)):
            asked = requests.post(f"{server}/v2/repository/models/m/{verb}", timeout=30)
            assert asked.status_code in (200, 202), asked.text
            eventually(lambda status=status: statuses(server) == {status}, what=f"{status} from all workers")
        assert requests.post(f"{server}/v2/repository/models/nobody/load", timeout=30).status_code == 404


def statuses(server):
    """What ten requests over ten connections are answered with."""
    body = {"instances": [[0.0]]}
    return {requests.post(predicts(server), json=body, timeout=10).status_code for _ in range(10)}


@needs_nginx
@CLASSES
def test_hup_loses_nothing_and_has_no_gap(store, tmp_path, env):
    with behind_nginx(store.root, tmp_path, workers=2, env=env) as (server, url):
        with SteadyRequests(predicts(url)) as load:
            for _ in range(2):
                before = server.workers()
                server.process.send_signal(signal.SIGHUP)
                eventually(lambda before=before: not set(before) & set(server.workers()), what="new workers")
                assert len(server.workers()) == 2
            eventually(lambda: len(load.since(time.monotonic() - 1)) > 5, what="answers of the new ones")
        assert not load.failures
        assert max(seconds for _, seconds, _, _ in load.answers) < 3


def test_hup_over_a_broken_store_leaves_the_old_workers_in_place(store):
    (path,) = (store.root / "m" / "1").glob("*.onnx")
    sound = path.read_bytes()
    with live_server(store.root, workers=2) as server, SteadyRequests(predicts(server)) as load:
        before = server.workers()
        path.write_bytes(sound[:-1])
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "the reload is given up" in server.log, what="giving up")
        eventually(lambda: sorted(server.workers()) == sorted(before), what="the old workers alone")
        assert requests.get(f"{server}/health/ready", timeout=10).ok
        path.write_bytes(sound)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: not set(before) & set(server.workers()), what="new workers")
        eventually(lambda: len(load.answers) > 50, what="load")
    assert not [one for one in load.failures if isinstance(one[0], int)]


@needs_nginx
@PROGRAMS
def test_an_upgrade_by_usr2_and_term_loses_nothing(store, tmp_path, program):
    """`python -m gunicorn` once could not: run anew by its path, its own folder hid the library's `http`."""
    command = [*program, "--config", ROOT / "gunicorn.conf.py", "--pid", tmp_path / "pid"]
    with behind_nginx(store.root, tmp_path, workers=2, command=command) as (server, url):
        with SteadyRequests(predicts(url)) as load:
            server.process.send_signal(signal.SIGUSR2)
            new = int(eventually(lambda: text_of(tmp_path / "pid.2"), what="a new master"))
            eventually(lambda: server.log.count("loaded m ") == 4, what="its workers' models")
            server.process.terminate()
            assert server.process.wait(timeout=30) == 0
            sent = time.monotonic()
            store.promote("m", "2")
            eventually(lambda: at_version(load, "2", sent), what="a swap in the new ones")
        assert not load.failures
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not alive(new), what="the new master's end")


@needs_nginx
@CLASSES
def test_recycling_of_workers_loses_nothing(store, tmp_path, env):
    with behind_nginx(store.root, tmp_path, workers=2, env={**env, "MAX_REQUESTS": "100"}) as (server, url):
        with SteadyRequests(predicts(url)) as load:
            eventually(lambda: server.log.count("Autorestarting") >= 4, what="four recycled workers")
        assert not load.failures


@needs_nginx
def test_killed_worker_costs_only_the_request_it_was_answering(store, tmp_path):
    """And most of that not even: nginx sends again what went over a connection that it had kept."""
    with behind_nginx(store.root, tmp_path, workers=2) as (server, url):
        with SteadyRequests(predicts(url)) as load:
            for _ in range(3):
                (one, *_) = before = server.workers()
                os.kill(one, signal.SIGKILL)
                began = time.monotonic()
                eventually(lambda before=before: replaced(server, before), what="another worker")
                assert time.monotonic() - began < 5
        assert {status for status, _ in load.failures} <= {502}
        assert len(load.failures) <= 3 * len(load.threads)


@CLASSES
def test_term_ends_readiness_at_once_and_the_server_well(store, env, tmp_path):
    """Asked over a connection that was kept: new ones are taken no more."""
    env = {**env, "DAYLIGHT_RUN_FOLDER": str(tmp_path / "run")}
    with live_server(store.root, workers=2, env=env) as server, requests.Session() as session:
        assert session.get(f"{server}/health/ready", timeout=10).ok
        server.process.terminate()
        eventually(lambda: all_leave(tmp_path / "run"), what="each worker having heard TERM, or having gone")
        told = session.get(f"{server}/health/ready", timeout=10)
        assert (told.status_code, told.json()["error"]["code"]) == (503, "draining")
        assert int(told.headers["Retry-After"]) >= 1
        assert told.headers["Connection"] == "close"
        assert server.process.wait(timeout=30) == 0
    assert not list(tmp_path.glob("run/workers-*"))


def all_leave(folder):
    return all(path.with_suffix(".draining").exists() for path in folder.glob("workers-*/*.worker"))


def test_memory_of_replaced_models_returns(tmp_path):
    """Twelve swaps of a forest of megabytes: the workers do not grow by what they let go."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4000, 6))
    for seed in (0, 1):
        forest = RandomForestRegressor(40, random_state=seed).fit(table, table[:, 0])
        pack(forest, table[:50], name="m", store=tmp_path / "store", runtime="sklearn")
    store = Store(tmp_path / "store")
    with live_server(store.root, env=GTHREAD) as server:
        (worker,) = server.workers()
        grown = []
        for number in range(12):
            version = "12"[number % 2]
            store.promote("m", version)
            eventually(lambda n=number: server.log.count("m is at version") == n + 1, what="the swap")
            eventually(lambda: megabytes(worker) and requests.get(f"{server}/health/ready", timeout=10).ok)
            grown.append(megabytes(worker))
        assert min(grown[-4:]) < max(grown[:4]) * 1.1, grown
