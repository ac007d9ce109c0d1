"""Clients that are slow, silent, many or endless, in front of nginx; others are answered meanwhile."""

import contextlib
import resource
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

from benchmarks.support.nginx import behind_nginx
from benchmarks.support.serving import eventually
from tests.support.steady import SteadyClient
from tests.support.workers import CLASSES, megabytes, needs_nginx

pytestmark = [pytest.mark.heavy, needs_nginx]

ROW = (5.1, 3.5, 1.4, 0.2)
IDLE = 4000
HEAD = b"POST /v1/models/iris:predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@contextlib.contextmanager
def connections(url, count, first=b"", source="127.0.0.1"):
    """So many open connections from an address of this machine, each of which has sent `first` and nothing since."""
    where, made = urlsplit(url), []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            one = socket.create_connection((where.hostname, where.port), timeout=10, source_address=(source, 0))
            made.append(stack.enter_context(one))
            made[-1].sendall(first)
        yield made


def check(load, seen, most):
    """That callers go on being answered, and quickly."""
    eventually(lambda: len(load.answers) > seen + 300, what="answers")
    slowest = max(seconds for _, seconds, *_ in load.answers[seen:])
    assert not load.failures, load.failures[:3]
    assert slowest < most
    return slowest


@CLASSES
def test_slow_clients_cost_no_worker_anything(tabular_store, tmp_path, env):
    """They come a byte at a time, 150 in their heads, 60 in their bodies: nginx lets no address have more."""
    with (
        behind_nginx(tabular_store, tmp_path, workers=2, env=env) as (_, url),
        SteadyClient(url, "iris", row=ROW) as load,
        connections(url, 150, HEAD, "127.0.0.2") as heads,
        connections(url, 60, HEAD + b"Content-Length: 1000\r\n\r\n", "127.0.0.2") as bodies,
    ):
        for _ in range(3):
            seen = len(load.answers)
            for one in [*heads, *bodies]:
                with contextlib.suppress(OSError):  # nginx has had enough of it
                    one.sendall(b" ")
            slowest = check(load, seen, most=1.0)
        assert requests.get(f"{url}/health/live", timeout=1).ok
    print(f"210 slow clients: slowest answer to others {slowest:.3f} s")


def test_thousands_of_idle_connections_keep_nobody_out(tabular_store, tmp_path):
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 4 * IDLE:
        pytest.skip(f"needs {4 * IDLE} open files: ulimit -n")
    with (
        behind_nginx(tabular_store, tmp_path, workers=2) as (_, url),
        connections(url, IDLE),
        SteadyClient(url, "iris", row=ROW) as load,
    ):
        slowest = check(load, 0, most=1.0)
        began = time.monotonic()
        assert requests.get(f"{url}/health/live", timeout=5).ok  # over a connection of its own
        print(f"{IDLE} idle connections: slowest answer {slowest:.3f} s, a new one {time.monotonic() - began:.3f} s")


HUGE = 512  # MB


def pour(url, head, framed):
    """Send the head, then MB after MB; the answer's status, 0 where the connection ended without one."""
    with connections(url, 1, head) as (one,), one.makefile("rb") as answer:
        one.settimeout(30)
        piece = (b"100000\r\n%b\r\n" if framed else b"%b") % (b" " * 2**20)
        with contextlib.suppress(ConnectionError):  # refused, and told so, while it was still sending
            for _ in range(HUGE):
                one.sendall(piece)
        with contextlib.suppress(ConnectionError):
            return int((answer.readline().split() or [0, 0])[1])
    return 0


@pytest.mark.parametrize(
    ("told", "framed"), [(f"Content-Length: {HUGE * 2**20}", False), ("Transfer-Encoding: chunked", True)]
)
def test_a_huge_body_is_refused_and_held_nowhere(tabular_store, tmp_path, told, framed):
    with behind_nginx(tabular_store, tmp_path, workers=2) as (server, url):
        before = max(map(megabytes, server.workers()))
        with SteadyClient(url, "iris", row=ROW) as load:
            assert pour(url, HEAD + told.encode() + b"\r\n\r\n", framed) in (0, 413)
            check(load, len(load.answers), most=2.0)
        assert sum(path.stat().st_size for path in (tmp_path / "body").rglob("*") if path.is_file()) < 2**20
        assert max(map(megabytes, server.workers())) < before + 20
