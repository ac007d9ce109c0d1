"""Clients that are slow, silent, many or endless, in front of nginx; others are answered meanwhile."""

import contextlib
import resource
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from tests.faults.loads import Callers
from tests.serving import eventually, live_server
from tests.test_lifecycle import CLASSES, megabytes
from tests.test_nginx import NGINX, nginx

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx")]

ROW = (5.1, 3.5, 1.4, 0.2)
IDLE = 4000
HEAD = b"POST /v1/models/iris:predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def proxied(store, folder, **options):
    with (
        nginx(folder) as url,
        live_server(store, workers=2, bind=f"unix:{folder / 'gunicorn.sock'}", **options) as server,
    ):
        eventually(lambda: requests.get(f"{url}/health/ready", timeout=10).ok, what="readiness through nginx")
        yield server, url


@contextlib.contextmanager
def connections(url, count, first=b""):
    """So many open connections, each of which has sent `first` and nothing since."""
    where, made = urlsplit(url), []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            made.append(stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=10)))
            made[-1].sendall(first)
        yield made


def check(load, seen, most):
    """That callers go on being answered, and quickly."""
    eventually(lambda: len(load.answers) > seen + 300, what="answers")
    slowest = max(seconds for _, seconds in load.answers[seen:])
    assert not load.failures
    assert slowest < most
    return slowest


@CLASSES
def test_slow_clients_cost_no_worker_anything(tabular_store, tmp_path, env):
    """300 requests that come a byte at a time, in their heads and in their bodies."""
    slow = [HEAD, HEAD + b"Content-Length: 1000\r\n\r\n["]
    with proxied(tabular_store, tmp_path, env=env) as (_, url), Callers(url, "iris", row=ROW) as load:
        with connections(url, 150, slow[0]) as heads, connections(url, 150, slow[1]) as bodies:
            for _ in range(3):
                seen = len(load.answers)
                for one in heads:
                    with contextlib.suppress(OSError):  # nginx has had enough of it
                        one.sendall(b"X")
                for one in bodies:
                    with contextlib.suppress(OSError):
                        one.sendall(b" ")
                slowest = check(load, seen, most=1.0)
            assert requests.get(f"{url}/health/live", timeout=1).ok
    print(f"300 slow clients: slowest answer to others {slowest:.3f} s")


def test_thousands_of_idle_connections_keep_nobody_out(tabular_store, tmp_path):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4 * IDLE:
        pytest.skip(f"needs {4 * IDLE} open files: ulimit -n")
    with proxied(tabular_store, tmp_path) as (_, url), connections(url, IDLE), Callers(url, "iris", row=ROW) as load:
        slowest = check(load, 0, most=1.0)
        began = time.monotonic()
        assert requests.get(f"{url}/health/live", timeout=5).ok  # over a connection of its own
        print(f"{IDLE} idle connections: slowest answer {slowest:.3f} s, a new one {time.monotonic() - began:.3f} s")


def endless(megabytes_, sent):
    for _ in range(megabytes_):
        sent.append(1)
        yield b" " * 2**20


@pytest.mark.parametrize("told", [True, False], ids=["its length told", "its length not told"])
def test_a_huge_body_is_refused_and_held_nowhere(tabular_store, tmp_path, told):
    with proxied(tabular_store, tmp_path) as (server, url):
        before = max(map(megabytes, server.workers()))
        sent = []
        headers = {"Content-Length": str(2**30)} if told else {}
        try:
            answer = requests.post(f"{url}/predict", data=endless(1024, sent), headers=headers, timeout=30)
        except requests.ConnectionError:  # refused while it was still writing, and then told no more
            answer = None
        assert answer is None or (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
        assert len(sent) < 64, "MB were taken"
        assert max(map(megabytes, server.workers())) < before + 20
        assert requests.post(f"{url}/predict", json=[list(ROW)], timeout=10).json() == {"text": ["setosa"]}
