"""The real gunicorn with the real configuration: how it starts, refuses, survives and ends."""

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import eventually, live_server, refusal, stop
from service.packing import pack
from service.settings import cores
from service.store.manifest import MANIFEST
from tests.support.estimators import Slow, Threads, sample
from tests.support.workers import CLASSES

ROW = {
    "sepal length (cm)": 5.1,
    "sepal width (cm)": 3.5,
    "petal length (cm)": 1.4,
    "petal width (cm)": 0.2,
}


@pytest.fixture
def own_store(tmp_path):
    """A store of `iris` to be broken, served by scikit-learn from its pickle."""
    table = load_iris(as_frame=True)
    estimator = LogisticRegression(max_iter=1000).fit(table.data, table.target_names[table.target])
    pack(estimator, table.data, name="iris", store=tmp_path / "store", runtime="sklearn")
    return tmp_path / "store"


def in_memory(pid, library):
    return library in Path(f"/proc/{pid}/maps").read_text()


def test_models_are_loaded_in_the_workers_and_never_in_the_master(tabular_store):
    with live_server(tabular_store, workers=2) as server, requests.Session() as session:
        answer = session.post(f"{server}/v1/models/iris:predict", json={"instances": [ROW]}, timeout=10)
        assert answer.json()["predictions"] == ["setosa"]
        first, second = server.workers()
        eventually(lambda: server.log.count("loaded iris") == 2, what="both workers having loaded")
        for library in ("numpy", "onnxruntime"):
            assert in_memory(first, library)
            assert in_memory(second, library)
            assert not in_memory(server.pid, library), f"the master has {library} in memory: a fork may hang"
        assert not in_memory(server.pid, "torch")


@CLASSES
def test_a_worker_that_ends_has_written_the_line_of_every_request(tabular_store, env):
    """Lines wait up to 50 ms for each other, and TERM comes sooner."""
    with live_server(tabular_store, env=env) as server:
        ids = [f"request-{number}" for number in range(20)]
        for one in ids:
            requests.get(f"{server}/v1/models", headers={"X-Request-ID": one}, timeout=10)
        assert stop(server) == 0
        assert [one for one in ids if f'"id":"{one}"' not in server.log] == []


def test_run_folder_lives_as_long_as_the_server(tabular_store):
    with live_server(tabular_store) as server:
        (worker,) = server.workers()
        environ = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert b"DAYLIGHT_RUN_FOLDER" not in environ  # or the new master of an upgrade would take over the old one's
        (folder,) = {path for root in ("/dev/shm", "/tmp") for path in Path(root).glob(f"daylight-*-{server.pid}")}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.workers() not in ([worker], []), what="another worker")
        assert folder.is_dir()
    assert not folder.exists()


def test_compute_threads_times_workers_stay_within_the_cores(tmp_path):
    pack(Threads().fit(*sample()), *sample(), name="threads", store=tmp_path)
    with live_server(tmp_path, workers=cores()) as server:
        asked = {"instances": [[1.0]]}
        found = requests.post(f"{server}/v1/models/threads:predict", json=asked, timeout=10).json()
        assert found["predictions"] == [1.0]


def test_term_lets_the_running_request_finish(tmp_path):
    """And while it runs, health answers; afterwards the exit code is 0 and the port is free."""
    started = tmp_path / "started"
    pack(Slow(str(started)).fit(*sample()), *sample(), name="slow", store=tmp_path / "store")
    with live_server(tmp_path / "store") as server, ThreadPoolExecutor() as pool:
        url = f"{server}/v1/models/slow:predict"
        running = pool.submit(requests.post, url, json={"instances": [[2.0]]}, timeout=30)
        eventually(started.exists, what="the request having started")
        assert requests.get(f"{server}/health/live", timeout=1).json() == {"status": "live"}
        server.process.terminate()
        eventually(lambda: "Handling signal: term" in server.log, what="the master having heard TERM")
        assert not running.done()
        assert running.result().json()["predictions"] == [2.0]
        assert server.process.wait(timeout=30) == 0
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server}/health/live", timeout=1)


def test_respawned_worker_waits_until_a_broken_store_is_repaired(own_store):
    """gunicorn halts whenever a worker cannot boot; a killed worker must not take the server with it."""
    payload = own_store / "iris" / "1" / "model.joblib"
    sound = payload.read_bytes()
    with live_server(own_store) as server:
        payload.write_bytes(sound + b"\0")
        (killed,) = server.workers()
        os.kill(killed, signal.SIGKILL)
        headers, body = eventually(lambda: not_ready(server), what="a worker that answers 503")
        assert int(headers["Retry-After"]) >= 1
        assert body["error"]["code"] == "model_not_ready"
        assert killed not in server.workers()
        assert requests.get(f"{server}/health/live", timeout=10).status_code == 200
        refused = requests.post(f"{server}/v1/models/iris:predict", json={"instances": [ROW]}, timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (503, "model_not_ready")
        payload.write_bytes(sound)
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness again")
        answered = requests.post(f"{server}/v1/models/iris:predict", json={"instances": [ROW]}, timeout=10)
        assert answered.json()["predictions"] == ["setosa"]


def not_ready(server):
    try:
        answer = requests.get(f"{server}/health/ready", timeout=10)
    except requests.ConnectionError:
        return None
    return (answer.headers, answer.json()) if answer.status_code == 503 else None


def wrong_digest(version):
    payload = version / "model.joblib"
    payload.write_bytes(payload.read_bytes()[:-1])


def missing_file(version):
    (version / "model.joblib").unlink()


def missing_manifest(version):
    (version / MANIFEST).unlink()


def broken_manifest(version):
    (version / MANIFEST).write_text("{")


def unknown_kind(version):
    change_manifest(version, lambda manifest: manifest.update(kind="oracle"))


def no_model(version):
    shutil.rmtree(version.parent)


def no_store(version):
    shutil.rmtree(version.parent.parent)


def unreadable_pickle(version):
    """Only loading finds this one: every digest is right. Both workers meet it at the same moment."""
    (version / "model.joblib").write_bytes(b"no pickle")
    digest = hashlib.sha256(b"no pickle").hexdigest()
    change_manifest(version, lambda manifest: manifest["files"]["model.joblib"].update(sha256=digest))


def another_answer(version):
    """The model loads, and does not give the answer it was packed with."""
    change_manifest(version, lambda manifest: manifest["example"]["outputs"].update(predict=["virginica"]))


def change_manifest(version, change):
    manifest = json.loads((version / MANIFEST).read_text())
    change(manifest)
    (version / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (wrong_digest, "model.joblib has sha256"),
        (missing_file, "model.joblib is missing"),
        (missing_manifest, "manifest.json is missing"),
        (broken_manifest, "manifest.json is not a manifest"),
        (unknown_kind, "is of kind 'oracle'"),
        (no_model, "holds no model"),
        (no_store, "is not a folder"),
        (unreadable_pickle, "iris version 1 cannot be loaded"),
        (another_answer, "answers its own example with"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_first_start_refuses_a_store_it_cannot_serve(own_store, spoil, reason):
    spoil(own_store / "iris" / "1")
    code, said = refusal(own_store, workers=2)
    told = [line for line in said.splitlines() if "refuses to start" in line]
    assert code == 190, said
    assert len(told) == 1, said
    assert reason in told[0]
    assert "HaltServer" not in said


def test_master_refuses_an_invalid_store_before_it_forks(own_store):
    wrong_digest(own_store / "iris" / "1")
    _, said = refusal(own_store)
    assert "Traceback" not in said
    assert "Booting worker" not in said


def test_an_unknown_setting_is_refused_by_name(tabular_store):
    code, said = refusal(tabular_store, env={"DAYLIGHT_STOER": "elsewhere", "DAYLIGHT_MAX_ROWS": "many"})
    assert code == 1
    assert "did you mean DAYLIGHT_STORE?" in said
    assert "DAYLIGHT_MAX_ROWS='many'" in said
    assert len(said.splitlines()) == 1, said


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def test_a_unix_socket_is_for_its_user_and_group_only(tabular_store, tmp_path):
    path = tmp_path / "gunicorn.sock"
    with live_server(tabular_store, bind=f"unix:{path}") as server:
        # It listens before its worker has loaded the model, and live_server waits for no more than that.
        eventually(lambda: "loaded iris" in server.log, what="the worker")
        assert stat.S_IMODE(path.stat().st_mode) == 0o770
        connection = UnixConnection(str(path))
        connection.request("GET", "/health/live")
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)) == (200, {"status": "live"})
        connection.close()
    assert not path.exists()


def test_hup_replaces_the_workers_and_keeps_answering(tabular_store):
    with live_server(tabular_store) as server:
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.workers() and not set(before) & set(server.workers()), what="new workers")
        assert requests.get(f"{server}/health/ready", timeout=10).ok
