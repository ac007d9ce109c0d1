"""The part of the kubelet, played against the real server, by what deploy/kubernetes/deployment.yaml says.

A rolling update of one pod: the new one gets traffic when it is ready; then the old one sleeps (preStop), gets TERM,
and has the rest of its grace. No caller notices.
"""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import yaml

from benchmarks.support.serving import ROOT, eventually, launch
from service.packing import pack
from tests.support.estimators import Slow, sample

pytestmark = pytest.mark.heavy

POD = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
PREPARED = 2  # seconds of preStop, here


def passes(pod, probe):
    """Whether one probe of the container succeeds."""
    asked = CONTAINER[probe]
    try:
        seconds = asked.get("timeoutSeconds", 1)
        return requests.get(f"{pod}{asked['httpGet']['path']}", timeout=seconds).status_code < 400
    except requests.RequestException:
        return False


def is_up(pod):
    assert pod.process.poll() is None, pod.log
    return passes(pod, "startupProbe")


class Service:
    """What kube-proxy is: sends each request to one of the pods that it knows of. Callers count what fails."""

    def __init__(self):
        self.pods, self.sent, self.failed, self.stopped = [], 0, [], threading.Event()

    def call(self):
        while not self.stopped.is_set():
            pod = self.pods[self.sent % len(self.pods)]
            self.sent += 1
            try:
                answer = requests.post(f"{pod}/v1/models/slow:predict", json={"instances": [[0.0]]}, timeout=30)
                if answer.status_code != 200:
                    self.failed.append(answer.text)
            except requests.RequestException as error:
                self.failed.append(repr(error))


@pytest.fixture
def store(tmp_path):
    pack(Slow(str(tmp_path / "started")).fit(*sample()), *sample(), name="slow", store=tmp_path / "store")
    return tmp_path / "store"


def test_a_rolling_update_loses_no_request(store, tmp_path):
    service = Service()
    attempts = CONTAINER["startupProbe"]["periodSeconds"] * CONTAINER["startupProbe"]["failureThreshold"]
    with launch(store, workers=2) as old, launch(store, workers=2) as new, ThreadPoolExecutor() as callers:
        eventually(lambda: is_up(old), seconds=attempts, what="the old pod's start")
        service.pods = [old]
        calling = [callers.submit(service.call) for _ in range(4)]
        try:
            eventually(lambda: is_up(new), seconds=attempts, what="the new pod's start")
            assert passes(new, "readinessProbe")
            assert passes(new, "livenessProbe")
            service.pods = [old, new]
            eventually(lambda: service.sent > 50, what="traffic")
            # maxUnavailable 0: only now does the old one leave. preStop runs while requests still come to it.
            asleep = time.monotonic() + PREPARED
            long = callers.submit(
                requests.post, f"{old}/v1/models/slow:predict", json={"instances": [[PREPARED + 3.0]]}, timeout=60
            )
            eventually((tmp_path / "started").exists, what="the long request having started")
            assert passes(old, "readinessProbe")
            service.pods = [new]  # every node has heard of it before preStop is over
            time.sleep(max(0.0, asleep - time.monotonic()))
            old.process.send_signal(signal.SIGTERM)
            eventually(lambda: not passes(old, "readinessProbe"), seconds=5, what="the old pod being not ready")
            assert long.result().json()["predictions"] == [PREPARED + 3.0], "it was running at TERM"
            grace = POD["terminationGracePeriodSeconds"] - CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert old.process.wait(grace) == 0, old.log
        finally:
            service.stopped.set()
        for each in calling:
            each.result()
        assert service.failed == []
        new.process.send_signal(signal.SIGTERM)
        assert new.process.wait(60) == 0, new.log


def test_a_pod_without_models_never_becomes_ready(tmp_path):
    """The kubelet restarts it, with what it says as the reason; no request is sent to it."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssertionError, match="the server ended with code"), launch(tmp_path / "empty"):
        pass
