"""Health in the real server: what a probe is told while workers load, fail, die and leave."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from sklearn.linear_model import LinearRegression

from benchmarks.support.serving import eventually, launch, live_server, stop
from service.app import create_app
from service.packing import pack
from service.packing.python_class import pack_class
from service.predictor import Predictor
from service.settings import Settings
from tests.support.estimators import Held, sample

X = np.array([[0.0], [1.0], [2.0]])


@pytest.fixture
def store(tmp_path):
    pack(LinearRegression().fit(X, X[:, 0]), X, name="m", store=tmp_path / "store")
    return tmp_path / "store"


def test_liveness_asks_nobody(store):
    """Not even a predictor whose locks are all held."""
    app = create_app(Settings(store=store))
    predictor = app.extensions["daylight"].predictor
    with predictor._loading:
        assert app.test_client().get("/health/live").json == {"status": "live"}
    app.extensions["daylight"].predictor = None
    assert app.test_client().get("/health/live").json == {"status": "live"}


def test_a_process_of_its_own_answers_for_itself(store, tmp_path):
    assert create_app(Settings(store=store)).test_client().get("/health/ready").json == {"status": "ready"}
    broken = create_app(Settings(store=tmp_path / "nowhere")).test_client().get("/health/ready")
    body = broken.json["error"]
    assert (broken.status_code, body["code"]) == (503, "model_not_ready")
    assert "is not a folder" in body["details"][0]["why"]
    assert int(broken.headers["Retry-After"]) >= 1


def test_a_model_that_failed_while_serving_is_told(store, monkeypatch):
    predictor = Predictor(Settings(store=store))
    predictor.load()
    assert predictor.ready
    monkeypatch.setattr(type(predictor.find("m")), "failure", "the engine failed")
    assert predictor.why_not == "m: the engine failed"


def test_any_worker_tells_of_the_one_that_cannot_serve(store):
    """Its digest is wrong, so the worker that replaces a killed one has nothing to serve; its sibling has."""
    (path,) = (store / "m" / "1").glob("*.onnx")
    sound = path.read_bytes()
    with live_server(store, workers=2) as server:
        path.write_bytes(sound[:-1])
        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        bodies = eventually(lambda: many_refusals(server), what="readiness refused by both workers")
        (replacement,) = {body["details"][0]["worker"] for body in bodies}
        assert replacement in server.workers()
        assert replacement != killed
        assert {body["details"][0]["state"] for body in bodies} == {"failed"}
        assert "has sha256" in bodies[0]["details"][0]["why"]
        path.write_bytes(sound)
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness again")


def many_refusals(server):
    """Ten answers over ten connections, all of them 503: whichever worker is asked says the same."""
    try:
        answers = [requests.get(f"{server}/health/ready", timeout=10) for _ in range(10)]
    except requests.ConnectionError:
        return None
    return all(one.status_code == 503 for one in answers) and [one.json()["error"] for one in answers]


def test_nothing_is_ready_before_every_worker_is(tmp_path):
    """One worker's load hangs until it is let go: the other, which has loaded, does not say ready."""
    gate = tmp_path / "gate"
    source = tmp_path / "gated.py"
    source.write_text(GATED.format(gate=str(gate), first=str(tmp_path / "first")))
    gate.touch()
    pack_class(f"{source}:Gated", name="m", store=tmp_path / "store")
    gate.unlink()
    (tmp_path / "first").unlink()
    with launch(tmp_path / "store", workers=2) as server:
        told = eventually(lambda: refused(server), what="an answer of the worker that has loaded")
        assert told["code"] == "model_not_ready"
        assert {one["state"] for one in told["details"]} == {"starting"}
        assert requests.get(f"{server}/health/live", timeout=10).ok
        gate.touch()
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert stop(server) == 0


def refused(server):
    try:
        answer = requests.get(f"{server}/health/ready", timeout=2)
    except (requests.ConnectionError, requests.Timeout):
        return None
    return answer.json()["error"] if answer.status_code == 503 else None


def test_liveness_answers_while_a_model_is_busy(tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    pack(Held(str(started), str(go)).fit(*sample()), *sample(), name="held", store=tmp_path / "store")
    with live_server(tmp_path / "store", threads=4) as server, ThreadPoolExecutor() as pool:
        url = f"{server}/v1/models/held:predict"
        running = pool.submit(requests.post, url, json={"instances": [[1.0]]}, timeout=60)
        try:
            eventually(started.exists, what="the request having started")
            assert all(requests.get(f"{server}/health/live", timeout=10).ok for _ in range(10))
            assert not running.done()
        finally:
            go.touch()
        assert running.result().json()["predictions"] == [1.0]


GATED = """
import os
import time


class Gated:
    class Inputs:
        x: float

    example = {{"x": 1.0}}

    def load(self, folder):
        try:
            os.close(os.open("{first}", os.O_CREAT | os.O_EXCL))  # the first worker passes
        except FileExistsError:
            while not os.path.exists("{gate}"):
                time.sleep(0.05)

    def predict(self, rows) -> list[float]:
        return [3.0 for row in rows]
"""
