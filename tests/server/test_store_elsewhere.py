"""Servers that follow a store in S3: what is promoted there arrives, and the store's absence costs no answer."""

import os
import signal
import time

import numpy as np
import pytest
import requests
from sklearn.linear_model import LinearRegression

from benchmarks.support.serving import eventually, live_server, refusal
from service.packing import pack
from service.settings import Settings
from service.store.remote.objects import objects_at
from service.store.versions import Store
from tests.support.s3_server import s3_server
from tests.support.workers import X, served


@pytest.fixture
def s3(monkeypatch):
    with s3_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        objects_at.cache_clear()
        yield server


@pytest.fixture
def url(s3, monkeypatch, tmp_path):
    """Of a store with version 1 of `m`."""
    monkeypatch.setenv("DAYLIGHT_STORE_CACHE", str(tmp_path / "ours"))
    made = s3.bucket("models")
    add(made, 1.0)
    return made


def add(url, value):
    pack(LinearRegression().fit(X, np.full(3, value)), X, name="m", store=url)


def settings(folder, **more):
    return {"DAYLIGHT_STORE_CACHE": str(folder), "DAYLIGHT_STORE_POLL": "0.2", **more}


def followed(server):
    """When a server looked at its store last, as its metrics tell."""
    name = "daylight_store_followed_timestamp_seconds "
    (line,) = [
        each for each in requests.get(f"{server}/metrics", timeout=10).text.splitlines() if each.startswith(name)
    ]
    return float(line.removeprefix(name))


def follower(server):
    """The process id of what follows the store; None while there is none."""
    return next((pid for pid in server.children() if follows(pid)), None)


def follower_of(master):
    """As `follower`, of a process."""
    with open(f"/proc/{master}/task/{master}/children") as file:
        return next((pid for pid in map(int, file.read().split()) if follows(pid)), None)


def follows(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"store_follower" in file.read()
    except OSError:
        return False


def test_a_promotion_reaches_every_host(url, tmp_path):
    one, two = (settings(tmp_path / name) for name in ("one", "two"))
    with live_server(url, env=one, workers=2) as first, live_server(url, env=two) as second:
        assert {served(first), served(second)} == {"1"}
        assert time.time() - followed(first) < 60
        add(url, 2.0)
        for server in (first, second):
            eventually(lambda server=server: {served(server) for _ in range(10)} == {"2"}, what="version 2")
        undone = requests.post(f"{second}/operations/models/m/rollback", json={}, timeout=30)
        assert undone.ok, undone.text
        for server in (second, first):
            eventually(lambda server=server: {served(server) for _ in range(10)} == {"1"}, what="version 1")
    last = Store.of(Settings(store=url, store_cache=tmp_path / "three")).history_of("m").receipts()[-1]
    assert (last.what, last.current) == ("rollback", "1")


@pytest.mark.heavy
def test_a_store_that_is_away_costs_no_answer(url, s3, tmp_path):
    env = settings(tmp_path / "one")
    with live_server(url, env=env) as server:
        s3.stop()
        log = server.log_path
        eventually(lambda: "what is served stays: s3://models/prod cannot be" in log.read_text(), what="the log")
        assert served(server) == "1"
        refused = requests.post(f"{server}/operations/models/m/promote", json={"version": "1"}, timeout=30)
        assert (refused.status_code, "Could not connect" in refused.json()["error"]) == (400, True)
    with live_server(url, env=env) as server:  # started while it is away
        log = server.log_path
        assert "what was brought before is served" in log.read_text()
        assert served(server) == "1"
        eventually(lambda: "what is served stays: s3://models/prod cannot be" in log.read_text(), what="the log")
        s3.start()  # moto keeps nothing: what is seen is another store, and not followed
        s3.bucket("models")
        eventually(lambda: "holds no model any more; what was brought from it stays" in log.read_text(), what="the log")
        assert served(server) == "1"
        assert log.read_text().count("what is served stays: s3://models/prod cannot be") == 1, "not at each look"


@pytest.mark.heavy
def test_a_store_that_does_not_answer_and_then_does_is_followed_again(url, s3, tmp_path):
    with live_server(url, env=settings(tmp_path / "one")) as server:
        s3.process.send_signal(signal.SIGSTOP)
        assert served(server) == "1"
        s3.process.send_signal(signal.SIGCONT)
        add(url, 2.0)
        eventually(lambda: served(server) == "2", what="version 2")


@pytest.mark.heavy
def test_a_follower_that_was_killed_is_started_again(url, tmp_path):
    with live_server(url, env=settings(tmp_path / "one")) as server:
        before = eventually(lambda: follower(server), what="the follower")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: follower(server) not in (None, before), what="another follower")
        assert "the process that follows s3://models/prod ended" in server.log_path.read_text()
        add(url, 2.0)
        eventually(lambda: served(server) == "2", what="version 2")


@pytest.mark.heavy
def test_new_workers_and_a_new_master_follow_on(url, tmp_path):
    """The folder takes the place of the URL in the workers' environment, and the URL is needed again."""
    with live_server(url, env=settings(tmp_path / "one")) as server:
        before = follower(server)
        workers = set(server.children()) - {before}
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: not workers & set(server.children()), what="new workers")
        assert follower(server) == before
        add(url, 2.0)
        eventually(lambda: served(server) == "2", what="version 2")
        server.process.send_signal(signal.SIGUSR2)
        (second,) = eventually(lambda: [pid for pid in server.children() if follower_of(pid)], what="a new master")
        assert follower_of(second) != before
        add(url, 3.0)
        eventually(lambda: {served(server) for _ in range(20)} == {"3"}, what="version 3")
        os.kill(second, signal.SIGTERM)
        eventually(lambda: second not in server.children(), what="its end")


def test_a_server_without_its_store_and_without_a_copy_refuses_in_a_sentence(s3, tmp_path):
    code, said = refusal("s3://nowhere/prod", env=settings(tmp_path / "one"))
    told = "daylight refuses to start: s3://nowhere/prod cannot be reached: there is no bucket nowhere; make it first"
    assert (code, said.strip()) == (1, told)
    code, said = refusal(s3.bucket("empty"), env=settings(tmp_path / "one"))
    assert (code, "s3-empty-prod" in said and "holds no model; pack one" in said) == (190, True)
