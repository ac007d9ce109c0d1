"""A disk that is full and a store that vanishes, under workers that go on answering."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import requests

from benchmarks.support.serving import ROOT, eventually, live_server
from service.errors import StartupError
from tests.support.steady import SteadyClient
from tests.support.workers import CLASSES, served, version_1_of

pytestmark = pytest.mark.heavy

X = np.array([[0.0], [1.0], [2.0]])


@contextlib.contextmanager
def small_disk(folder, size):
    """A tmpfs of so many bytes."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder):
    """Write until nothing more goes; returns the file."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4096):
            pass
    return path


@CLASSES
def test_a_full_store_takes_no_version_and_loses_none(tmp_path, env):
    with small_disk(tmp_path / "disk", 2**20) as disk:
        store = version_1_of(disk / "store")
        with live_server(store.root, workers=2, env=env) as server, SteadyClient(str(server), "m") as load:
            filling = fill(disk)
            with pytest.raises((OSError, StartupError)):
                version_1_of(store.root, 2.0)
            assert store.versions("m") == ["1"]
            assert store.current("m") == "1"
            eventually(lambda: len(load.answers) > 100, what="load")
            filling.unlink()
            version_1_of(store.root, 2.0)
            eventually(lambda: {served(server) for _ in range(10)} == {"2"}, what="version 2")
        assert not load.failures


@CLASSES
def test_a_full_run_folder_stops_no_answers(tmp_path, env):
    """What the workers tell each other, and what they count, lies there; new routes and statuses are counted too."""
    store = version_1_of(tmp_path / "store")
    with small_disk(tmp_path / "disk", 2**20) as disk:
        env = {**env, "DAYLIGHT_RUN_FOLDER": str(disk / "run")}
        with live_server(store.root, workers=2, env=env) as server, SteadyClient(str(server), "m") as load:
            workers = server.workers()
            eventually(lambda: len(load.answers) > 100, what="load")
            filling = fill(disk)
            seen = len(load.answers)
            for number in range(40):
                requests.post(f"{server}/v1/models/m:predict", data=b"{" * number, timeout=10)
                requests.get(f"{server}/v1/models/nobody{number}", timeout=10)
            eventually(lambda: len(load.answers) > seen + 200, what="answers")
            assert requests.get(f"{server}/health/live", timeout=10).ok
            assert server.workers() == workers
            filling.unlink()
            version_1_of(store.root, 2.0)
            eventually(lambda: {served(server) for _ in range(10)} == {"2"}, what="version 2")
            eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert not load.failures


@CLASSES
def test_vanished_store_is_served_on_even_when_a_worker_dies(tmp_path, env):
    store = version_1_of(tmp_path / "store")
    with live_server(store.root, workers=2, env=env) as server, SteadyClient(str(server), "m") as load:
        eventually(lambda: len(load.answers) > 100, what="load")
        store.root.rename(tmp_path / "gone")
        eventually(lambda: "what is loaded stays" in server.log, what="the workers having noticed")
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: len(server.workers()) == 2 and server.workers() != before, what="another worker")
        eventually(lambda: "not ready" in server.log, what="its having found nothing")
        moment = time.monotonic()
        eventually(lambda: len(load.since(moment)) > 200, what="answers of the other one")
        assert {served(server) for _ in range(20)} == {"1"}
        (tmp_path / "gone").rename(store.root)
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert {served(server) for _ in range(10)} == {"1"}
    assert not load.failures, load.failures[:3]


COUNT = """
import sys
from service.observability.metrics import Meter
from service.web.access.rate_limit import Buckets
from service.web.context import RequestContext

meter, buckets = Meter(sys.argv[1]), Buckets(sys.argv[1])
print(flush=True)
input()
for number in range(2000):
    context = RequestContext()
    context.route = f"/{number}"
    meter.began()
    meter.ended("GET", 200, context)
    buckets.take(str(number), 1.0, 1)
print(len(meter.exposition()))
"""


def test_counting_into_a_full_folder_ends_no_process(tmp_path):
    """A write to a page of a sparse file, for which the disk has no room, is SIGBUS."""
    with small_disk(tmp_path / "disk", 2**17) as disk:
        command = [sys.executable, "-c", COUNT, str(disk)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            fill(disk)
            said, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert int(said) > 0  # what there is can still be read
