"""Workers that are killed, and models that hang, leak, raise or exit, while callers of the client notice nothing."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from sklearn.linear_model import LinearRegression

from benchmarks.support.nginx import behind_nginx
from benchmarks.support.serving import eventually, live_server
from client import Client, DaylightError, Retries
from service.packing import pack
from tests.faults.models import LEAK, store_of
from tests.support.steady import SteadyClient, more_than
from tests.support.workers import CLASSES, GTHREAD, KEEP_ALIVE, megabytes, needs_nginx, replaced

pytestmark = pytest.mark.heavy


@pytest.fixture
def quick(tmp_path):
    """A store of `m`, compiled."""
    X = np.array([[0.0], [1.0], [2.0]])
    pack(LinearRegression().fit(X, X[:, 0]), X, name="m", store=tmp_path / "store")
    return tmp_path / "store"


def kill_some(server, load, times):
    """SIGKILL workers, one after the other was replaced; returns the seconds that each replacement took."""
    took = []
    for _ in range(times):
        before = server.workers()
        os.kill(before[len(took) % 2], signal.SIGKILL)
        began = time.monotonic()
        eventually(lambda before=before: replaced(server, before), what="another worker")
        took.append(time.monotonic() - began)
        eventually(lambda began=began: len(load.since(began)) > 50, what="answers after it")
        eventually(lambda: requests.get(f"{load.client.url}/health/ready", timeout=10).ok, what="readiness")
    return took


@CLASSES
def test_killed_workers_are_replaced_without_an_error_in_the_client(quick, env):
    with live_server(quick, workers=2, env=env) as server, SteadyClient(str(server), "m") as load:
        eventually(lambda: len(load.answers) > 50, what="load")
        took = kill_some(server, load, times=5)
    print(f"5 kills: replaced within {max(took):.2f} s, slowest of {len(load.answers)} answers {load.worst():.2f} s")
    assert not load.failures
    assert max(took) < 5


@needs_nginx
def test_the_same_through_nginx(quick, tmp_path):
    with behind_nginx(quick, tmp_path, workers=2) as (server, url), SteadyClient(url, "m") as load:
        eventually(lambda: len(load.answers) > 50, what="load")
        took = kill_some(server, load, times=5)
    print(f"5 kills: replaced within {max(took):.2f} s, slowest of {len(load.answers)} answers {load.worst():.2f} s")
    assert not load.failures
    assert max(took) < 5


def test_a_model_that_raises_fails_its_request_alone(tmp_path):
    """Asked again with other cells, it turns out that it cannot take this one: so the caller is told that."""
    with live_server(store_of(tmp_path, "raises"), workers=1, env=GTHREAD) as server:
        (worker,) = server.workers()
        with SteadyClient(str(server), "raises") as load:
            for _ in range(50):
                answer = requests.post(f"{server}/v1/models/raises:predict", json={"instances": [[1.0]]}, timeout=10)
                assert (answer.status_code, answer.json()["code"]) == (422, "invalid_instances")
                assert "12345" not in answer.text
        assert not load.failures
        assert server.workers() == [worker]
        assert "12345" in server.log  # for the operator


# 3 and 4 are gunicorn's own codes for a worker that cannot boot, on which its master gives up.
@pytest.mark.parametrize("code", [1, 3, 4])
@pytest.mark.parametrize("name", ["exits", "exception"])
def test_model_that_ends_the_process_costs_only_its_own_request(tmp_path, name, code):
    with live_server(store_of(tmp_path, name), workers=2, env=GTHREAD) as server:
        with SteadyClient(str(server), name) as load:
            eventually(lambda: len(load.answers) > 20, what="load")
            with Client(str(server), retries=Retries(0)) as client, pytest.raises(DaylightError):
                client.predict([[float(code)]], name)
            ended = time.monotonic()
            eventually(lambda: len(load.since(ended)) > 50, what="answers after it")
        assert not load.failures
        assert server.process.poll() is None
        eventually(lambda: len(server.workers()) == 2, what="two workers")


def test_a_model_that_leaks_is_kept_small_by_recycling(tmp_path):
    env = {**GTHREAD, "MAX_REQUESTS": "40"}
    with live_server(store_of(tmp_path, "leaks"), workers=2, env=env) as server:
        before = max(filter(None, map(megabytes, server.workers())))
        most = 0.0
        with SteadyClient(str(server), "leaks", row=(1.0,)) as load:
            while server.log.count("Autorestarting") < 8:
                most = max([most, *filter(None, map(megabytes, server.workers()))])
                eventually(more_than(load, len(load.answers)), what="answers")
        leaked = len(load.answers) * LEAK / 2**20
        print(f"{leaked:.0f} MB leaked; a worker had {before:.0f} MB at first and {most:.0f} MB at most")
        assert not load.failures
        assert leaked > 1000
        assert most < before + 44 * LEAK / 2**20 * 1.5


@pytest.mark.parametrize(("env", "hanging"), [(KEEP_ALIVE, 2), (GTHREAD, 4)], ids=["keep-alive", "gthread"])
def test_hanging_model_costs_only_its_own_requests(tmp_path, env, hanging):
    """Each worker has some that hang, so both have to go, and the callers wait for their successors."""
    env = {**env, "GUNICORN_CMD_ARGS": "--timeout 3"}
    with live_server(store_of(tmp_path, "hangs"), workers=2, env=env) as server:
        with SteadyClient(str(server), "hangs") as load, ThreadPoolExecutor(hanging) as pool:
            eventually(lambda: len(load.answers) > 20, what="load")
            before = server.workers()
            began = time.monotonic()
            hung = [pool.submit(ask_once, server) for _ in range(hanging)]
            eventually(lambda: requests.get(f"{server}/health/live", timeout=30).ok, what="liveness")
            assert not [one.result() for one in hung if one.result() is None], "a prediction that hangs was answered"
            eventually(lambda: len(server.workers()) == 2 and server.workers() != before, what="new workers")
            took, seen = time.monotonic() - began, len(load.answers)
            eventually(lambda: len(load.answers) > seen + 100, what="answers")
        print(f"hung predictions ended after {took:.1f} s of the 3 that they have; slowest answer {load.worst():.1f} s")
        assert not load.failures, load.failures[:3]
    assert took < 15


def ask_once(server):
    """The error that a row on which the model hangs ends in."""
    with Client(str(server), retries=Retries(0)) as client:
        try:
            return client.predict([[1.0]], "hangs") and None
        except DaylightError as error:
            return error
