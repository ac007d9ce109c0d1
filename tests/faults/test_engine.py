"""The engine process is killed fifty times, hangs, and changes its versions a hundred times, under load of both kinds.

FAULTS_KILLS=500 pytest -m heavy tests/faults/test_engine.py
"""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import requests

from benchmarks.support.nginx import behind_nginx
from benchmarks.support.serving import ROOT, eventually, live_server, ready
from service.models.engine import HANGS
from service.store.versions import Store
from tests.support.steady import Steady, SteadyRequests, more_than
from tests.support.tiny_text import pack_tiny
from tests.support.workers import AS_MODULE, needs_nginx, text_of, version_1_of

pytestmark = pytest.mark.heavy

KILLS = int(os.environ.get("FAULTS_KILLS", "50"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A table, `m`, and two versions of a text model, `tiny`, which write different texts; 1 is current."""
    folder = tmp_path_factory.mktemp("store")
    version_1_of(folder)
    for seed in (0, 1):
        pack_tiny(folder, runtime="auto", seed=seed)
    store = Store(folder)
    store.promote("tiny", "1")
    return store


class SteadyTexts(Steady):
    """Threads that ask for one text after the other.

    answers: with the version and the text. refusals: (moment it was sent, moment it was answered) of each 503 with
    Retry-After. failures: of everything else.
    """

    def __init__(self, url, threads=3, tokens=60):
        super().__init__(["once"], threads)
        self.url, self.refusals = f"{url}/v1/models/tiny:predict", []
        self.parameters = {"max_tokens": tokens, "temperature": 0}

    def connection(self):
        return requests.Session()

    def ask(self, session):
        sent = time.monotonic()
        try:
            answer = session.post(self.url, json={"instances": self.row, "parameters": self.parameters}, timeout=60)
        except requests.RequestException as error:
            self.failures.append((type(error).__name__, str(error)))
            return None
        if answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1:
            self.refusals.append((sent, time.monotonic()))
            time.sleep(0.05)
            return None
        if answer.status_code != 200:
            self.failures.append((answer.status_code, answer.text))
            return None
        return answer.json()["model_version"], answer.json()["predictions"][0]["text"]


def seconds_until_ready(server, since):
    eventually(lambda: ready(server), seconds=60, what="readiness")
    return time.monotonic() - since


def test_fifty_kills_of_the_engine_under_load_of_both_kinds(store):
    with live_server(store.root, workers=2) as server:
        with SteadyRequests(f"{server}/v1/models/m:predict") as tables, SteadyTexts(server) as texts:
            eventually(lambda: len(texts.answers) > 5, what="texts")
            kills, ready_after = [], []
            for _ in range(KILLS):
                (engine,) = server.engines()
                kills.append(time.monotonic())
                os.kill(engine, signal.SIGKILL)
                eventually(lambda engine=engine: server.engines() not in ([], [engine]), what="another engine")
                ready_after.append(seconds_until_ready(server, kills[-1]))
                eventually(more_than(texts, len(texts.answers)), what="a text after it")
        slowest = [answered - max(sent, *(k for k in kills if k < answered)) for sent, answered in texts.refusals]
        (engine,) = server.engines()
    print(
        f"{KILLS} kills: {len(tables.answers)} tables, {len(texts.answers)} texts and {len(texts.refusals)} refusals, "
        f"the slowest {max(slowest):.2f} s after a kill; ready again within {max(ready_after):.1f} s"
    )
    assert not tables.failures
    assert not texts.failures
    assert len({text for *_, text in texts.answers}) == 1
    assert not Path(f"/proc/{engine}").exists()


def test_an_engine_that_hangs_is_replaced(store):
    """A stopped process does not even notice a signal that it could handle."""
    with live_server(store.root, workers=2) as server, SteadyRequests(f"{server}/v1/models/m:predict") as tables:
        (engine,) = server.engines()
        os.kill(engine, signal.SIGSTOP)
        began, answers = time.monotonic(), []
        asking = threading.Thread(target=lambda: answers.append(SteadyTexts(server).ask(requests.Session())))
        asking.start()
        eventually(lambda: server.engines() not in ([], [engine]), seconds=HANGS + 20, what="another engine")
        asking.join()
        took = seconds_until_ready(server, began)
        assert SteadyTexts(server).ask(requests.Session())
        assert not tables.failures
    print(f"replaced, and ready, {took:.1f} s after it was stopped")


def kill_a_worker(server):
    (worker, *_) = server.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: worker not in server.workers() and len(server.workers()) == 2, what="another worker")


def test_killed_workers_leave_no_row_behind(store):
    """Ten times, while every place is taken: a row that stayed would keep its place for good."""
    env = {"DAYLIGHT_SLOTS": "2", "DAYLIGHT_MAX_WAITING": "6"}
    with live_server(store.root, workers=2, threads=20, env=env) as server:
        for _ in range(10):
            with SteadyTexts(server, threads=4, tokens=120) as texts:
                eventually(lambda texts=texts: len(texts.answers) > 4, what="texts")
                kill_a_worker(server)
            eventually(lambda: ready(server), what="readiness")
        with SteadyTexts(server, threads=8) as texts:
            eventually(lambda: len(texts.answers) > 50, what="texts")
        assert not texts.failures
        assert server.log.count("the engine has loaded tiny version 1") == 1


def the_text_of(server, version):
    asked = {"instances": ["once"], "parameters": {"max_tokens": 60, "temperature": 0}}
    return requests.post(f"{server}/v1/models/tiny/versions/{version}:predict", json=asked, timeout=60).json()


@needs_nginx
def test_a_hundred_promotions_and_reloads_under_load(store, tmp_path):
    """Through nginx: no caller fails, and no text is of another version than its answer says."""
    with behind_nginx(store.root, tmp_path, workers=2) as (server, url):
        expected = {version: the_text_of(url, version)["predictions"][0]["text"] for version in ("1", "2")}
        assert expected["1"] != expected["2"]
        with SteadyTexts(url) as texts, SteadyRequests(f"{url}/v1/models/m:predict") as tables:
            for number in range(100):
                version = "21"[number % 2]
                store.promote("tiny", version)
                now = time.monotonic()
                eventually(lambda v=version, n=now: texts.since(n)[-5:] == [v] * 5, what=f"version {version}")
                if number % 25 == 24:
                    before = server.engines()
                    os.kill(server.pid, signal.SIGHUP)
                    eventually(lambda b=before: len(server.engines()) == 1 and server.engines() != b, what="a reload")
        assert not tables.failures
        assert not texts.failures
        assert not texts.refusals
        assert not [answer for answer in texts.answers if answer[3] != expected[answer[2]]]
    print(f"100 promotions and 4 reloads: {len(texts.answers)} texts, {len(tables.answers)} tables")


@needs_nginx
def test_an_upgrade_under_load(store, tmp_path):
    """USR2: two masters on one socket, each with an engine process, until the old one has ended with its own."""
    command = [*AS_MODULE, "--config", ROOT / "gunicorn.conf.py", "--pid", tmp_path / "pid"]
    with behind_nginx(store.root, tmp_path, workers=2, command=command) as (server, url):
        (old,) = server.engines()
        with SteadyTexts(url) as texts, SteadyRequests(f"{url}/v1/models/m:predict") as tables:
            server.process.send_signal(signal.SIGUSR2)
            new = int(eventually(lambda: text_of(tmp_path / "pid.2"), what="a new master"))
            eventually(lambda: server.log.count("is at version") + server.log.count("loaded tiny") >= 4, what="models")
            server.process.terminate()
            assert server.process.wait(timeout=90) == 0
            assert not Path(f"/proc/{old}").exists()
            eventually(more_than(texts, len(texts.answers) + 20), what="texts of the new server")
        assert not tables.failures
        assert not texts.failures
        assert not texts.refusals
        os.kill(new, signal.SIGTERM)
        eventually(lambda: not (tmp_path / "pid").exists(), what="the new master's end")
