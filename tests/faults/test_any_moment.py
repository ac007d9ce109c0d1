"""Workers and the engine are killed at any moment: while they start, load, vote, count and answer.

FAULTS_SECONDS=600 pytest -m heavy tests/faults/test_any_moment.py

Elsewhere here, whoever is killed has begun well and is replaced before the next one is killed.
"""

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress

import pytest
import requests

from benchmarks.support.serving import eventually, live_server, ready
from service.server.lifecycle.rollout import AFRESH
from service.store.versions import Store
from tests.support.steady import Steady
from tests.support.tiny_text import pack_tiny
from tests.support.workers import CLASSES, version_1_of

pytestmark = pytest.mark.heavy

SECONDS = float(os.environ.get("FAULTS_SECONDS", "30"))
LONGEST = (0.05, 0.4, 1.5)  # seconds between two kills: within a worker's start, its first answers, or later


class Asking(Steady):
    """Threads that ask for one path after the other, which may be refused and broken off, but never fail.

    found: how often each path was answered with each status, or with an error of the connection.
    """

    def __init__(self, url, bodies, threads=3):
        super().__init__([], threads)
        self.url, self.bodies = url, bodies
        self.found = Counter()

    def connection(self):
        return requests.Session()

    def ask(self, session):
        for path, body in self.bodies.items():
            try:
                answer = session.request("POST" if body else "GET", f"{self.url}{path}", json=body, timeout=60)
            except requests.ConnectionError:
                self.found[path, "broken off"] += 1
                time.sleep(0.01)
                continue
            self.found[path, answer.status_code] += 1
            if answer.status_code not in (200, 503):
                self.failures.append((path, answer.status_code, answer.text))
        return 1, None


TABLES = {
    "/v1/models/m:predict": {"instances": [[1.0]]},
    "/metrics": None,
    "/v1/models": None,
    "/operations/models/m/drift": None,
}
TEXTS = {"/v1/completions": {"model": "tiny", "prompt": "hello", "max_tokens": 30}}


def kill_at_any_moment(server, chance, promote, of_them):
    """of_them: functions of the server that list process ids. Returns how many were killed."""
    ends, killed = time.monotonic() + SECONDS, 0
    while time.monotonic() < ends:
        time.sleep(chance.uniform(0, chance.choice(LONGEST)))
        pids = chance.choice(of_them)()
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(pids), signal.SIGKILL)
                killed += 1
        if chance.random() < 0.05:
            promote(chance.choice("12"))
        if chance.random() < 0.02:
            server.process.send_signal(signal.SIGHUP)
        assert server.process.poll() is None, "the server has ended"
    return killed


def recovers(server, bodies):
    """The server is ready soon after the last kill, and answers everything; returns how soon."""
    began = time.monotonic()
    eventually(lambda: ready(server), seconds=AFRESH + 40, what="readiness")
    for path, body in bodies.items():
        eventually(lambda path=path, body=body: asked(server, path, body), seconds=30, what=path)
    assert "Traceback" not in server.log
    return time.monotonic() - began


def asked(server, path, body):
    with suppress(requests.ConnectionError):  # of an old worker, after a reload
        return requests.request("POST" if body else "GET", f"{server}{path}", json=body, timeout=60).ok


@CLASSES
def test_workers_killed_at_any_moment(tmp_path, env):
    version_1_of(tmp_path)
    version_1_of(tmp_path)
    store = Store(tmp_path)
    with live_server(tmp_path, workers=2, env=env) as server:
        with Asking(server, TABLES) as load:
            killed = kill_at_any_moment(server, random.Random(1), lambda v: store.promote("m", v), [server.workers])
        took = recovers(server, TABLES)
    print(f"{killed} kills: {dict(load.found)}; ready {took:.1f} s after the last one")
    assert not load.failures, load.failures[:3]


def test_workers_and_the_engine_killed_at_any_moment(tmp_path):
    version_1_of(tmp_path)
    for seed in (1, 2):
        pack_tiny(tmp_path, runtime="auto", seed=seed)
    store, bodies = Store(tmp_path), TABLES | TEXTS
    with live_server(tmp_path, workers=2) as server:
        with Asking(server, bodies) as load:
            of_them = [server.workers, server.engines]
            killed = kill_at_any_moment(server, random.Random(2), lambda v: store.promote("tiny", v), of_them)
        # What workers died of stays refused while another model is served; promoted once more, it is tried once more.
        store.promote("tiny", "1")
        took = recovers(server, bodies)
    print(f"{killed} kills: {dict(load.found)}; ready {took:.1f} s after the last one")
    assert not load.failures, load.failures[:3]
