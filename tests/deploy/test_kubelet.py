"""The part of the kubelet, played against the process of an image, by what deploy/kubernetes/deployment.yaml says.

A rolling update of one pod: the new one gets traffic when it is ready; then the old one sleeps (preStop), gets TERM,
and has the rest of its grace. No caller notices.
"""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
import yaml

from benchmarks.support.nginx import free_port
from benchmarks.support.serving import ROOT, eventually
from service.packing.python_class import pack_class
from tests.support.debian_roots import needs_roots
from tests.support.images import answers, built, states

pytestmark = [pytest.mark.heavy, needs_roots]

POD = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
ATTEMPTS = CONTAINER["startupProbe"]["periodSeconds"] * CONTAINER["startupProbe"]["failureThreshold"]
PREPARED = 2  # seconds of preStop, here
SLOW = """
import sys, time


class Slow:
    \"\"\"Takes as many seconds as its largest value says.\"\"\"

    class Inputs:
        seconds: float

    example = {"seconds": 0.0}

    def predict(self, rows) -> list[float]:
        longest = max(row["seconds"] for row in rows)
        if longest:
            print("a prediction has started", file=sys.stderr, flush=True)
            time.sleep(longest)
        return [row["seconds"] for row in rows]
"""


@pytest.fixture(scope="module")
def image(roots, tmp_path_factory):
    """The image of `slow`."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow.py").write_text(SLOW)
    pack_class(f"{folder / 'slow.py'}:Slow", name="slow", store=folder / "store")
    return built("slow", folder / "store", roots, folder)


class Pod(str):
    """The URL of a container's server, its process and its log."""

    @property
    def log(self):
        return self.log_path.read_text()

    def terminate(self):
        """TERM to the container's process 1, as the kubelet sends it."""
        (master,) = states(self.process.pid)
        os.kill(int(master), signal.SIGTERM)


@contextmanager
def pod(image, folder, name):
    port = free_port()
    this = Pod(f"http://127.0.0.1:{port}")
    this.log_path = folder / name
    with image.running(this.log_path, HOST="127.0.0.1", PORT=str(port), WORKERS="2") as this.process:
        yield this


def passes(pod, probe):
    """Whether one probe of the container succeeds."""
    asked = CONTAINER[probe]
    return answers(pod, asked["httpGet"]["path"], asked.get("timeoutSeconds", 1))


def is_up(pod):
    assert pod.process.poll() is None, pod.log
    return passes(pod, "startupProbe")


def ask(pod, seconds):
    asked = {"instances": [{"seconds": seconds}]}
    return requests.post(f"{pod}/v1/models/slow:predict", json=asked, timeout=60)


class Service:
    """What kube-proxy is: sends each request to one of the pods that it knows of. Callers count what fails."""

    def __init__(self):
        self.pods, self.sent, self.failed, self.stopped = [], 0, [], threading.Event()

    def call(self):
        while not self.stopped.is_set():
            pod = self.pods[self.sent % len(self.pods)]
            self.sent += 1
            try:
                answer = ask(pod, 0.0)
                if answer.status_code != 200:
                    self.failed.append(answer.text)
            except requests.RequestException as error:
                self.failed.append(repr(error))


def test_a_rolling_update_loses_no_request(image, tmp_path):
    service = Service()
    with pod(image, tmp_path, "old") as old, pod(image, tmp_path, "new") as new, ThreadPoolExecutor() as callers:
        eventually(lambda: is_up(old), seconds=ATTEMPTS, what="the old pod's start")
        service.pods = [old]
        calling = [callers.submit(service.call) for _ in range(4)]
        try:
            eventually(lambda: is_up(new), seconds=ATTEMPTS, what="the new pod's start")
            eventually(lambda: passes(new, "readinessProbe"), seconds=ATTEMPTS, what="the new pod being ready")
            assert passes(new, "livenessProbe")
            service.pods = [old, new]
            eventually(lambda: service.sent > 50, what="traffic")
            # maxUnavailable 0: only now does the old one leave. preStop runs while requests still come to it.
            asleep = time.monotonic() + PREPARED
            long = callers.submit(ask, old, PREPARED + 3.0)
            eventually(lambda: "a prediction has started" in old.log, what="the long request having started")
            assert passes(old, "readinessProbe")
            service.pods = [new]  # every node has heard of it before preStop is over
            time.sleep(max(0.0, asleep - time.monotonic()))
            old.terminate()
            eventually(lambda: not passes(old, "readinessProbe"), seconds=5, what="the old pod being not ready")
            assert long.result().json()["predictions"] == [PREPARED + 3.0], "it was running at TERM"
            grace = POD["terminationGracePeriodSeconds"] - CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert old.process.wait(grace) == 0, old.log
        finally:
            service.stopped.set()
        for each in calling:
            each.result()
        assert service.failed == []
        new.terminate()
        assert new.process.wait(60) == 0, new.log


def test_a_pod_without_models_never_becomes_ready(image, tmp_path):
    """The kubelet restarts it, with what it says as the reason; no request is sent to it."""
    port = str(free_port())
    with image.running(tmp_path / "log", HOST="127.0.0.1", PORT=port, DAYLIGHT_STORE="/tmp") as process:
        assert process.wait(60) != 0
    assert "the store /tmp holds no model" in (tmp_path / "log").read_text()
