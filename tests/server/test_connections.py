"""How long connections last and how many there may be, on both worker classes in a real gunicorn; how a worker ends."""

import contextlib
import signal
import socket
import time

import pytest

from benchmarks.support.serving import eventually, live_server, stop
from tests.support.raw_client import LIMIT, Client, get, post, running
from tests.support.worker_app import BIG
from tests.support.workers import CLASSES, KEEP_ALIVE

PARTS = (b"", b"GET /pi", post(b"abc")[:-1])  # of requests that never become whole


@CLASSES
def test_quiet_connections_are_closed(tabular_store, env):
    with running(tabular_store, env, "--keep-alive 1") as server, contextlib.ExitStack() as stack:
        silent, *halves = (stack.enter_context(Client(server)).send(part) for part in PARTS)
        kept = stack.enter_context(Client(server)).send(get("/pid"))
        assert kept.answer()[1]["connection"] == "keep-alive"
        assert silent.ended()
        assert kept.ended()
        for half in halves:
            status, headers, body = half.answer()
            assert (status, headers["connection"]) == (408, "close")
            assert b"did not arrive in time" in body
            assert half.ended()


@CLASSES
@pytest.mark.parametrize("part", [b"GET /pid HTTP/1.1\r\nX: ", post(b"x" * 1000)[:-1000]], ids=["head", "body"])
def test_a_trickle_holds_nothing_open(tabular_store, env, part):
    """A byte now and then is not enough: a head has seconds, and a body a pace."""
    with running(tabular_store, env, "--keep-alive 1") as server, Client(server) as client:
        client.send(part)

        def closed():
            try:
                client.send(b"x")
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False

        eventually(closed, seconds=10, what="the connection being closed")


@CLASSES
def test_bodies_that_never_arrive_hold_up_nobody(tabular_store, env):
    """As many of them as threads once kept all threads, and the liveness probe with them."""
    with live_server(tabular_store, env=env) as server, contextlib.ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(Client(server)).send(post(b"x" * 50, path="/v1/models/tumour:predict")[:-20])
        for path in ("/health/live", "/health/ready", "/v1/models"):
            with Client(server) as client:
                assert (
                    client.send(get(path).replace(b"Host: a", b"Host: localhost")).answer()[0] == 200
                )  # Client waits for 10 seconds


@CLASSES
def test_the_connection_that_was_idle_longest_makes_room(tabular_store, env):
    """200 idle connections once kept everybody else out until they timed out."""
    options = "--keep-alive 30 --worker-connections 3"
    with running(tabular_store, env, options) as server, contextlib.ExitStack() as stack:
        half = stack.enter_context(Client(server)).send(post(b"half")[:-1])
        idlest, other = (stack.enter_context(Client(server)).send(get("/pid")) for _ in range(2))
        assert idlest.answer()[0] == other.answer()[0] == 200
        time.sleep(0.5)
        assert other.send(get("/pid")).answer()[0] == 200
        assert stack.enter_context(Client(server)).send(get("/pid")).answer()[0] == 200
        assert idlest.ended()
        assert other.send(get("/pid")).answer()[0] == 200
        assert half.send(b"f").answer()[2] == b"half"


@CLASSES
def test_beyond_the_most_connections_new_ones_wait_for_busy_ones(tabular_store, env):
    options = "--keep-alive 30 --worker-connections 2"
    with running(tabular_store, env, options) as server, contextlib.ExitStack() as stack:
        first, _ = (stack.enter_context(Client(server)).send(post(b"half")[:-1]) for _ in range(2))
        third = stack.enter_context(Client(server)).send(get("/pid"))
        third.sock.settimeout(1.5)
        with pytest.raises(TimeoutError):
            third.sock.recv(1, socket.MSG_PEEK)
        third.sock.settimeout(10)
        first.__exit__()
        assert third.answer()[0] == 200


@CLASSES
def test_bodies_that_arrive_at_once_have_a_bound_together(tabular_store, env):
    """Each is within the limit of one, and all of them would be gigabytes."""
    size = LIMIT - 1
    with running(tabular_store, env) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)).send(post(b"x" * size)[:-2]) for _ in range(16)]
        last = stack.enter_context(Client(server)).send(post(b"x" * size)[:-2])
        status, headers, body = last.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        assert b"more is being received here" in body
        assert last.ended()
        for client in clients:
            assert client.send(b"xx").answer()[2] == b"x" * size


@CLASSES
def test_more_connections_than_file_descriptors(tabular_store, env):
    """The worker once ended with an OSError in accept."""
    few = ("prlimit", "--nofile=64:64")
    with running(tabular_store, env, before=few) as server, contextlib.ExitStack() as stack:
        before = answered_by(server)
        for _ in range(80):
            stack.enter_context(Client(server)).send(get("/pid"))
        assert answered_by(server) == before
        assert "Too many open files" not in server.log


@CLASSES
def test_connections_spread_over_the_workers(tabular_store, env):
    with running(tabular_store, env, "--keep-alive 30", workers=2) as server, contextlib.ExitStack() as stack:
        eventually(lambda: server.log.count("Booting worker") == 2 and len(server.workers()) == 2, what="two workers")
        eventually(lambda: len({answered_by(server) for _ in range(20)}) == 2, what="both workers answering")
        clients = [stack.enter_context(Client(server)) for _ in range(16)]
        found = [one.send(get("/pid")).answer()[2] for one in clients]
        assert max(map(found.count, found)) <= 12, found


def answered_by(server):
    with Client(server) as client:
        return client.send(get("/pid", more=b"Connection: close\r\n")).answer()[2]


def test_a_stuck_request_is_ended_by_the_timeout(tabular_store):
    """Of the worker with one thread. Beside threads the heartbeat goes on, and admission knows what hangs."""
    with running(tabular_store, KEEP_ALIVE, "--timeout 2 --keep-alive 30") as server, Client(server) as client:
        before = answered_by(server)
        client.send(get("/hang"))
        assert client.answer()[0] == 500
        assert "WORKER TIMEOUT" in server.log
        assert eventually(lambda: answered_by(server), what="a new worker") != before


@CLASSES
def test_max_requests_replaces_the_worker_and_loses_nothing(tabular_store, env):
    with running(tabular_store, env, "--max-requests 5 --keep-alive 30") as server:
        found = []
        while len(set(found)) < 3 and len(found) < 100:
            with Client(server) as client:
                for _ in range(3):
                    _, headers, body = client.send(get("/pid")).answer()
                    found.append(body)
                    if headers["connection"] == "close":
                        break
        assert max(map(found.count, found)) <= 6


@CLASSES
def test_term_answers_what_is_on_its_way_and_closes_the_rest(tabular_store, env):
    with running(tabular_store, env, "--keep-alive 30") as server:
        with Client(server) as idle, Client(server) as late, Client(server) as half, Client(server) as slow:
            for one in (idle, late):
                assert one.send(get("/pid")).answer()[1]["connection"] == "keep-alive"
            half.send(post(b"half a request")[:-5])
            slow.send(get("/big"))
            eventually(lambda: slow.sock.recv(1, socket.MSG_PEEK), what="the first of the big answer")
            server.process.send_signal(signal.SIGTERM)
            eventually(lambda: "Handling signal: term" in server.log, what="TERM")
            eventually(lambda: refused(server), what="no new connections")
            assert late.send(get("/pid")).answer()[1]["connection"] == "close"
            half.send(b"quest")
            assert half.answer()[2] == b"half a request"
            assert slow.answer()[2] == b"x" * BIG
            assert idle.ended()
        began = time.monotonic()
        assert stop(server) == 0
        assert time.monotonic() - began < 10


def refused(server):
    try:
        Client(server).__exit__()
    except ConnectionRefusedError:
        return True
    return False
