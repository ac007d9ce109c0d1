"""What the tests of running servers share: worker classes, a small store, and what they ask of workers.

@CLASSES                                    # the test takes `env`, on each worker class
def test_something(env): ...
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import requests
from sklearn.linear_model import LinearRegression

from benchmarks.support.nginx import NGINX
from service.packing import pack
from service.store.versions import Store

__all__ = [
    "AS_MODULE",
    "CLASSES",
    "GTHREAD",
    "KEEP_ALIVE",
    "alive",
    "megabytes",
    "needs_nginx",
    "replaced",
    "served",
    "text_of",
    "version_1_of",
]

X = np.array([[0.0], [1.0], [2.0]])
AS_MODULE = [sys.executable, "-m", "gunicorn"]
KEEP_ALIVE = {"WORKER_CLASS": "service.server.keepalive_worker.KeepAliveWorker"}
GTHREAD = {"WORKER_CLASS": "gthread"}
CLASSES = pytest.mark.parametrize("env", [KEEP_ALIVE, GTHREAD], ids=["keep-alive", "gthread"])
needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")


def version_1_of(store, value=1.0):
    pack(LinearRegression().fit(X, np.full(3, value)), X, name="m", store=store)
    return Store(store)


def served(server):
    answer = requests.post(f"{server}/v1/models/m:predict", json={"instances": [[0.0]]}, timeout=10)
    return answer.json().get("model_version")


def alive(pid):
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def replaced(server, before):
    now = server.workers()
    return len(now) == 2 and now != before


def megabytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return None


def text_of(path):
    """What a file says, such as a process id; None where there is none."""
    return path.read_text().strip() if path.exists() else None
