"""The engine process of a running server: shared by the workers, watched by the master, gone with it."""

import json
import os
import re
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from benchmarks.support.serving import eventually, live_server, ready
from service.packing import pack
from tests.support.steady import SteadyClient
from tests.support.tiny_text import add_compiled_tiny
from tests.support.workers import alive, replaced, version_1_of

LONG = {"model": "tiny", "prompt": "once", "max_tokens": 100, "temperature": 0, "n": 8}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A table, `m`, and a text model, `tiny`."""
    folder = tmp_path_factory.mktemp("store")
    version_1_of(folder)
    add_compiled_tiny(folder)
    return folder


def complete(server, **changes):
    return requests.post(f"{server}/v1/completions", json={**LONG, **changes}, timeout=60)


def files(pid, name="socket"):
    """The files of this name that the engine processes of this master's server have in its run folder."""
    return list(Path("/dev/shm").glob(f"daylight-*-{pid}/workers-*/engine-*/{name}"))


def test_one_process_writes_the_texts_of_all_workers(store):
    """A new worker finds the weights loaded; a reload brings an engine process of its own."""
    with live_server(store, workers=2) as server:
        (engine,) = server.engines()
        assert len(server.workers()) == 2
        assert "one engine process of" in server.log
        assert len({complete(server, n=1).json()["choices"][0]["text"] for _ in range(8)}) == 1
        (path,) = files(server.pid)
        listening = subprocess.run(["ss", "-xlp"], capture_output=True, text=True, check=False).stdout
        (line,) = [line for line in listening.splitlines() if str(path) in line]
        assert re.findall(r"pid=(\d+)", line) == [str(engine)]  # neither the master nor a worker holds it
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert int(Path(f"/proc/{engine}/stat").read_text().rpartition(")")[2].split()[16]) == 10  # nice

        killed = server.workers()
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(set(server.workers()) - set(killed)) == 2, what="other workers")
        eventually(lambda: ready(server), what="readiness")
        assert complete(server).ok
        assert server.engines() == [engine]
        assert server.log.count("the engine has loaded tiny version 1") == 1

        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: len(server.engines()) == 1 and server.engines() != [engine], what="the new engine alone")
        assert complete(server).ok
        (engine,), (path,) = server.engines(), files(server.pid)
    assert not alive(engine)
    assert not path.exists()


def test_a_reload_that_is_given_up_leaves_no_engine_behind(store):
    """Each left one with all weights; and workers that were started later used that, apart from the others."""
    (payload,) = (store / "m" / "1").glob("*.onnx")
    sound = payload.read_bytes()
    with live_server(store, workers=2) as server:
        engines, (killed, other) = server.engines(), server.workers()
        payload.write_bytes(sound[:-1])
        try:
            os.kill(server.pid, signal.SIGHUP)
            eventually(lambda: "the reload is given up" in server.log, what="giving up")
            eventually(lambda: sorted(server.workers()) == sorted((killed, other)), what="the old workers alone")
        finally:
            payload.write_bytes(sound)
        eventually(lambda: server.engines() == engines, what="the old engine alone")
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: replaced(server, [killed, other]), what="another worker")
        os.kill(other, signal.SIGKILL)
        eventually(lambda: other not in server.workers() and len(server.workers()) == 2, what="another worker")
        eventually(lambda: complete(server, n=1).ok, what="a text")
        assert server.engines() == engines


def test_a_killed_engine_is_replaced_and_tables_notice_nothing(store):
    """Three times: the second and third successors come after a pause."""
    with live_server(store, workers=2) as server, SteadyClient(str(server), "m") as tables:
        expected = complete(server).json()["choices"]
        for _ in range(3):
            (engine,) = server.engines()
            answers = []
            asking = threading.Thread(target=lambda answers=answers: answers.append(complete(server)))
            asking.start()
            os.kill(engine, signal.SIGKILL)
            killed = time.monotonic()
            asking.join()
            (answer,) = answers
            if answer.status_code != 200:  # it may have been quicker
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) >= 1
                assert time.monotonic() - killed < 5
            eventually(lambda engine=engine: server.engines() not in ([], [engine]), what="another engine")
            eventually(lambda: ready(server), what="readiness")
            assert complete(server).json()["choices"] == expected
        assert "another one is started" in server.log
        assert not tables.failures


def test_the_master_takes_the_engine_with_it(store):
    # live_server finds that the server has not ended by itself.
    with pytest.raises(AssertionError), live_server(store, workers=2) as server:
        processes = server.children()
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not any(map(alive, processes)), seconds=5, what="the end of all processes")
        left = files(server.pid)
    assert left == []


@pytest.fixture
def table_store(tmp_path):
    version_1_of(tmp_path / "store")
    X, y = load_iris(return_X_y=True)
    pack(LogisticRegression(max_iter=1000).fit(X, y), X, y, name="slow", store=tmp_path / "store")
    return tmp_path / "store"


@pytest.mark.parametrize("worker_class", ["", "gthread"])
def test_a_text_model_that_comes_later_asks_for_a_reload(table_store, worker_class):
    """A server of tables has no engine process, and takes no memory for one."""
    with live_server(table_store, workers=1, env={"WORKER_CLASS": worker_class}) as server:
        assert server.engines() == []
        add_compiled_tiny(table_store)
        eventually(lambda: "tiny version 1 is refused" in server.log, what="the refusal")
        assert f"HUP to process {server.pid} changes it" in server.log
        os.kill(server.pid, signal.SIGHUP)
        eventually(lambda: len(server.engines()) == 1, what="an engine process")
        eventually(lambda: complete(server).ok, what="texts")


def stream_until_it_ends(server, began):
    """The events of one stream; sets `began` at the first of them."""
    events = []
    with requests.post(f"{server}/v1/completions", json={**LONG, "stream": True}, stream=True, timeout=60) as answer:
        if answer.status_code != 200:
            began.set()
            return [answer.json()]
        for line in answer.iter_lines():
            if line.startswith(b"data: {"):
                events.append(json.loads(line.removeprefix(b"data: ")))
                began.set()
    return events


def test_a_prompt_that_ends_two_engines_is_not_tried_again(store):
    """A crash looks as this signal does; which prompt was being worked on is read from the journal."""
    with live_server(store, workers=1) as server:
        (suspects,) = files(server.pid, "suspects")
        for _ in range(20):
            if any(count > 1 for _, count in json.loads(suspects.read_text())):
                break
            (engine,) = server.engines()
            began, ended = threading.Event(), []
            asking = threading.Thread(target=lambda e=ended, b=began: e.extend(stream_until_it_ends(server, b)))
            asking.start()
            began.wait()
            os.kill(engine, signal.SIGSEGV)
            asking.join()
            # The texts may have been written before the signal came, and not all sent: then no prompt is to blame.
            if "error" in ended[-1]:
                assert ended[-1]["error"]["code"] == "model_not_ready"
            eventually(lambda engine=engine: server.engines() not in ([], [engine]), what="another engine")
            eventually(lambda: ready(server), what="readiness")
        answer = complete(server, n=1)
        assert answer.status_code == 500
        assert "not tried again" in answer.json()["error"]["message"]
        assert complete(server, prompt="another").ok
