"""HAProxy and nginx as deploy/hosts has them, in front of tests/support/hosts, and the callers of them.

with balancer("haproxy", folder), steady() as load: ...        # load.answers
"""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager, suppress

import pytest
import requests

from benchmarks.support.nginx import NGINX
from benchmarks.support.serving import ROOT, eventually
from tests.support.steady import SteadyRequests, more_than

__all__ = ["PREDICT", "balancer", "steady"]

HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
CONFIGS = ROOT / "deploy" / "hosts"
FOREGROUND = ["-g", "daemon off; user root;"]  # its workers would be a user who may not enter the folder
PREDICT = "http://127.0.0.1/v1/models/m:predict"


@contextmanager
def balancer(name, folder, headers=None):
    """HAProxy or nginx as deploy/hosts has it, in the namespace of this thread, where nobody else has port 80.

    headers: of the request that tells whether it answers.
    """
    commands = {
        "haproxy": [HAPROXY, "-db", "-f", str(CONFIGS / "haproxy.cfg")],
        "nginx": [NGINX, "-e", "stderr", "-p", f"{folder}/", "-c", str(CONFIGS / "nginx.conf"), *FOREGROUND],
    }
    if commands[name][0] is None:
        pytest.skip(f"needs {name}: apt-get install {name}")
    with (folder / name).open("wb") as log:
        process = subprocess.Popen(commands[name], stdout=log, stderr=log, start_new_session=True)
    try:
        eventually(lambda: is_there(headers) or process.poll() is not None, what=f"{name} answering")
        assert process.poll() is None, "it has ended"
        yield
    finally:
        print((folder / name).read_text()[-4000:])
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_there(headers):
    with suppress(requests.ConnectionError):
        return requests.post(PREDICT, json={"instances": [[0.0]]}, headers=headers, timeout=10).ok
    return False


@contextmanager
def steady(url=PREDICT, kind=SteadyRequests, threads=6):
    """Load from callers that send each request once; in the end not one may have failed."""
    with kind(url, threads=threads) as load:
        eventually(more_than(load, 200), what="load")
        yield load
    assert not load.failures, (len(load.failures), load.failures[:3])
