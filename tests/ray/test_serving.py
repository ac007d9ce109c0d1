"""deploy/ray/app.py: Ray Serve answers what the server does, and starts another replica where many ask."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import requests

from benchmarks.support.serving import ROOT, eventually, live_server

pytestmark = pytest.mark.heavy

PYTHON = ROOT / ".venv-ray/bin/python"


@pytest.fixture(scope="module")
def served(environment, package, tabular_store):
    """`url`, and `replicas()`: how many run."""
    own = environment | {"PYTHONPATH": f"{package}:{ROOT / 'deploy/ray'}", "DAYLIGHT_STORE": str(tabular_store)}
    with subprocess.Popen(
        [PYTHON, ROOT / "tests/ray/serving.py"],
        env=own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def replicas():
            print("replicas", file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        try:
            yield SimpleNamespace(url=json.loads(process.stdout.readline()), replicas=replicas)
        finally:
            process.stdin.close()
            process.wait(60)


@pytest.fixture(scope="module")
def server(tabular_store):
    with live_server(tabular_store) as url:
        yield url


ROW = [5.1, 3.5, 1.4, 0.2]
NAMES = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)"
PREDICT = "/v1/models/iris:predict"
ASKED = [
    ("GET", "/v1/models", {}),
    ("GET", "/v1/models/iris", {}),
    ("POST", PREDICT, {"json": {"instances": [ROW, ROW]}}),
    ("POST", PREDICT, {"json": {"instances": [ROW], "outputs": ["predict_proba"]}}),
    ("POST", PREDICT, {"json": {"instances": [[1, "two", None, 4], [1]]}}),
    ("POST", PREDICT, {"data": b"{torn"}),
    ("POST", PREDICT, {"data": f"{NAMES}\n1,2,3,4\n", "headers": {"Content-Type": "text/csv", "Accept": "text/csv"}}),
    ("POST", "/v1/models/absent:predict", {"json": {"instances": [ROW]}}),
    ("PUT", PREDICT, {}),
    ("GET", "/nowhere", {}),
    ("GET", "/health/ready", {}),
]


@pytest.mark.parametrize(("method", "path", "sent"), ASKED)
def test_bodies_are_those_of_the_server(served, server, method, path, sent):
    headers = {"X-Request-Id": "of-the-test"} | sent.get("headers", {})
    ours, theirs = (requests.request(method, url + path, **sent | {"headers": headers}) for url in (served.url, server))
    assert ours.status_code == theirs.status_code
    assert ours.content == theirs.content
    for name in ("Content-Type", "X-Request-Id"):
        assert ours.headers.get(name) == theirs.headers.get(name)


def test_many_callers_get_another_replica(served):
    """Nobody is told of an error meanwhile."""
    over = []

    def asking():
        with requests.Session() as session:
            while not over:
                answer = session.post(served.url + PREDICT, json={"instances": [ROW]})
                assert (answer.status_code, answer.json()["predictions"]) == (200, ["setosa"])

    with ThreadPoolExecutor(8) as callers:
        tasks = [callers.submit(asking) for _ in range(8)]
        try:
            eventually(lambda: served.replicas() == 2, what="a second replica")
        finally:
            over.append(True)
    for task in tasks:
        task.result()
