"""The keep-alive worker in a real gunicorn, spoken to over raw sockets: framing, slow clients, limits, how it ends."""

import contextlib
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest

from benchmarks.support.serving import eventually, gunicorn, live_server, stop
from service.server.worker_class import choose
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.versions import Store
from tests.support.worker_app import BIG

LIMIT = 100_000  # DAYLIGHT_MAX_BODY_BYTES of the server under test


@pytest.fixture(scope="module")
def server(tabular_store):
    with running(tabular_store) as url:
        yield url


def running(store, options="", **kept):
    """The test application under the worker class; the store is there for gunicorn.conf.py, which checks it."""
    env = {
        "WORKER_CLASS": "service.server.keepalive_worker.KeepAliveWorker",
        "DAYLIGHT_MAX_BODY_BYTES": str(LIMIT),
        "GUNICORN_CMD_ARGS": options or "--keep-alive 30",
    }
    return live_server(store, env=env, command=gunicorn("tests.support.worker_app:app"), **kept)


class Client:
    """One raw connection."""

    def __init__(self, url):
        where = urlsplit(url)
        self.sock = socket.create_connection((where.hostname, where.port), timeout=10)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, *pieces):
        for piece in pieces:
            self.sock.sendall(piece)
        return self

    def head(self):
        """(status, {header: value}) of the next answer; AssertionError where there is none."""
        line = self.file.readline()
        assert line.startswith(b"HTTP/1."), line
        headers = {}
        while (field := self.file.readline().strip()) != b"":
            name, _, value = field.decode().partition(": ")
            headers[name.lower()] = value
        return int(line.split()[1]), headers

    def answer(self, *, body=True):
        """(status, headers, body) of the next answer."""
        status, headers = self.head()
        if not body or status in (100, 204):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self.file.readline(), 16):
                pieces.append(self.file.read(size))
                self.file.readline()
            self.file.readline()
            return status, headers, b"".join(pieces)
        return status, headers, self.file.read(int(headers["content-length"]))

    def ended(self):
        """Whether the server closed the connection."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def client(server):
    with Client(server) as one:
        yield one


def post(body, path="/echo", more=b""):
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (path.encode(), more, len(body), body)


def chunked(*pieces, path="/echo"):
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (path.encode(), body)


def get(path, version="1.1", more=b""):
    return b"GET %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (path.encode(), version.encode(), more)


def test_a_connection_is_kept_and_answers_one_request_after_the_other(client):
    for number in range(3):
        status, headers, body = client.send(post(b"hello %d" % number)).answer()
        assert (status, body, headers["connection"]) == (200, b"hello %d" % number, "keep-alive")


def test_pipelined_requests_are_answered_in_order(client):
    client.send(post(b"one") + chunked(b"t", b"wo") + get("/pid") + post(b"") + post(b"last"))
    assert [client.answer()[2] for _ in range(5)][::4] == [b"one", b"last"]


def test_a_request_may_arrive_byte_by_byte_while_others_are_answered(server, client):
    request = post(b"slowly")
    for place in range(len(request)):
        client.send(request[place : place + 1])
        if place % 20 == 0:
            with Client(server) as other:
                assert other.send(post(b"quick")).answer()[2] == b"quick"
    assert client.answer()[2] == b"slowly"


def test_half_sent_requests_hold_up_nobody(server):
    """Four of them block gthread for ever."""
    with contextlib.ExitStack() as stack:
        for part in (b"", b"POST /echo HT", post(b"x" * 50)[:-20], chunked(b"abc")[:-4]) * 5:
            stack.enter_context(Client(server)).send(part)
        with Client(server) as other:
            assert other.send(post(b"quick")).answer()[2] == b"quick"


@pytest.mark.parametrize("pieces", [[b"abc"], [b"a", b"b" * 5000, b"c"], [b"x" * 30_000, b"y" * 30_000], []])
def test_chunked_bodies(client, pieces):
    for split in (10, 70, 10_000):
        request = chunked(*pieces)
        client.send(*(request[place : place + split] for place in range(0, len(request), split)))
        assert client.answer()[2] == b"".join(pieces)


def test_chunk_extensions_and_trailers_are_read_over(client):
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(head, b"3;name=value\r\nabc\r\n0\r\nX-Trailer: y\r\n", b"\r\n", get("/pid"))
    assert client.answer()[2] == b"abc"
    assert client.answer()[0] == 200


def test_a_large_body_and_a_large_answer(server, client):
    assert client.send(post(b"x" * LIMIT)).answer()[2] == b"x" * LIMIT
    client.send(get("/big"))  # and is not read yet
    with Client(server) as other:
        assert other.send(post(b"quick")).answer()[2] == b"quick"
    assert client.answer()[2] == b"x" * BIG
    assert client.send(post(b"again")).answer()[2] == b"again"


@pytest.mark.parametrize(
    "request_",
    [
        b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
        b"POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f4240\r\n",
        b"POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * (LIMIT + 10),
    ],
    ids=["length", "one chunk", "many chunks"],
)
def test_a_body_beyond_the_limit_is_refused_without_waiting_for_it(client, request_):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(request_)
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert client.ended()


def test_the_answer_survives_a_client_that_goes_on_sending(client):
    """Closing with unread bytes in the kernel would reset the connection and destroy the answer."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n", b"x" * 4_000_000)
    assert client.answer()[0] == 413


def test_expect_100_continue(client):
    client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert client.head() == (100, {})
    assert client.send(b"body").answer()[2] == b"body"
    client.send(post(b"at once", more=b"Expect: 100-continue\r\n"))
    assert client.answer()[2] == b"at once"


def test_no_100_for_a_body_that_will_be_refused(client):
    client.send(b"POST /unread HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
    assert client.answer()[0] == 413


def test_head_has_the_length_and_no_body(client):
    client.send(b"HEAD /pid HTTP/1.1\r\nHost: a\r\n\r\n")
    status, headers, _ = client.answer(body=False)
    assert (status, int(headers["content-length"]) > 0) == (200, True)
    assert client.send(post(b"next")).answer()[2] == b"next"


def test_no_content_keeps_the_connection(client):
    assert client.send(get("/nothing")).answer()[0] == 204
    assert client.send(post(b"next")).answer()[2] == b"next"


def test_http_1_0_is_closed_unless_it_asks_to_stay(server):
    with Client(server) as client:
        assert client.send(get("/pid", "1.0")).answer()[1]["connection"] == "close"
        assert client.ended()
    with Client(server) as client:
        assert client.send(get("/pid", "1.0", b"Connection: keep-alive\r\n")).answer()[1]["connection"] == "keep-alive"
        assert client.send(get("/pid", "1.0")).answer()[0] == 200


def test_close_is_kept_to(client):
    client.send(get("/pid", more=b"Connection: close\r\n"), get("/pid"))
    assert client.answer()[1]["connection"] == "close"
    assert client.ended()


def test_a_body_without_a_length_comes_in_chunks(client):
    status, headers, body = client.send(get("/pieces")).answer()
    assert (status, headers["transfer-encoding"], body) == (200, "chunked", b"piece 0;piece 1;piece 2;")
    assert client.send(post(b"next")).answer()[2] == b"next"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 3\r\n\r\n", 417),
    ],
    ids=["nonsense", "two framings", "negative", "bare LF", "space", "long line", "long head", "coding", "expect"],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(server, client, request_, status):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(request_)
    assert client.answer()[0] == status
    assert client.ended()
    with Client(server) as other:
        assert other.send(post(b"alive")).answer()[2] == b"alive"


@pytest.mark.parametrize("body", [b"zz\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n"])
def test_broken_chunks_close_the_connection_and_smuggle_no_request(server, client, body):
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(head + body + get("/pid"))
    assert client.answer()[0] == 400
    assert client.ended()


def test_an_application_that_raises(server, client):
    assert client.send(get("/fail")).answer()[0] == 500
    assert client.ended()
    with Client(server) as other:
        assert other.send(get("/fail_late")).head()[0] == 200
        assert other.file.read() == b"5\r\nbegun\r\n"  # no last chunk: the client sees that something is missing
    assert "the application raised late" in server.log


def test_a_client_that_leaves_harms_nobody(server):
    for request in (b"", b"POST /echo", post(b"x" * 10)[:-5], get("/big"), get("/big") * 3):
        with Client(server) as client:
            client.send(request)
    with Client(server) as client:
        client.send(post(b"half"))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer()[2] == b"half"
        assert client.ended()


def test_quiet_connections_are_closed(tabular_store):
    with running(tabular_store, "--keep-alive 1") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server)).send(part) for part in (b"", b"GET /pi", post(b"abc")[:-1])]
        kept = stack.enter_context(Client(server)).send(get("/pid"))
        assert kept.answer()[1]["connection"] == "keep-alive"
        assert all(one.ended() for one in [*clients, kept])


def test_a_trickle_does_not_hold_a_head_open(tabular_store):
    """Every byte of a body buys time; bytes of a head do not."""
    with running(tabular_store, "--keep-alive 1") as server, Client(server) as client:
        client.send(b"GET /pid HTTP/1.1\r\nX: ")

        def closed():
            try:
                client.send(b"x")
            except (BrokenPipeError, ConnectionResetError):
                return True
            return False

        eventually(closed, seconds=10, what="the connection being closed")


def test_connections_are_bounded_and_those_beyond_wait(tabular_store):
    with running(tabular_store, "--keep-alive 30 --worker-connections 2") as server, contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(Client(server)).send(get("/pid")) for _ in range(2))
        assert first.answer()[0] == second.answer()[0] == 200
        third = stack.enter_context(Client(server)).send(get("/pid"))
        third.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.sock.recv(1, socket.MSG_PEEK)
        third.sock.settimeout(10)
        first.__exit__()
        assert third.answer()[0] == 200


def test_connections_spread_over_the_workers(tabular_store):
    with running(tabular_store, "--keep-alive 30", workers=2) as server, contextlib.ExitStack() as stack:
        eventually(lambda: server.log.count("Booting worker") == 2 and len(server.workers()) == 2, what="two workers")
        eventually(lambda: len({answered_by(server) for _ in range(20)}) == 2, what="both workers answering")
        clients = [stack.enter_context(Client(server)) for _ in range(16)]
        found = [one.send(get("/pid")).answer()[2] for one in clients]
        assert max(map(found.count, found)) <= 12, found


def answered_by(server):
    with Client(server) as client:
        return client.send(get("/pid", more=b"Connection: close\r\n")).answer()[2]


def test_a_stuck_request_is_ended_by_the_timeout(tabular_store):
    """gthread never ends one: its heartbeat is another thread's."""
    with running(tabular_store, "--timeout 2 --keep-alive 30") as server, Client(server) as client:
        before = answered_by(server)
        client.send(get("/hang"))
        assert client.answer()[0] == 500
        assert "WORKER TIMEOUT" in server.log
        assert eventually(lambda: answered_by(server), what="a new worker") != before


def test_max_requests_replaces_the_worker_and_loses_nothing(tabular_store):
    with running(tabular_store, "--max-requests 5 --keep-alive 30") as server:
        found = []
        while len(set(found)) < 3 and len(found) < 100:
            with Client(server) as client:
                for _ in range(3):
                    _, headers, body = client.send(get("/pid")).answer()
                    found.append(body)
                    if headers["connection"] == "close":
                        break
        assert max(map(found.count, found)) <= 6


def test_term_answers_what_is_on_its_way_and_closes_the_rest(tabular_store):
    with running(tabular_store, "--keep-alive 30") as server:
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


def test_the_class_is_chosen_from_the_manifests(tmp_path):
    store = Store(tmp_path)
    add(store, "quick", "tabular", {"name": "onnx", "microseconds": {"sklearn": 400, "onnx": 20}})
    settings = Settings(store=tmp_path)
    assert choose(settings)[0] == "service.server.keepalive_worker.KeepAliveWorker"
    assert choose(Settings(store=tmp_path, worker_class="sync")) == ("sync", "WORKER_CLASS says so")


@pytest.mark.parametrize(
    ("kind", "runtime", "why"),
    [
        ("text_generation", None, "is of kind text_generation"),
        ("tabular", None, "is not compiled"),
        ("tabular", {"name": "sklearn", "microseconds": {"sklearn": 20}}, "is not compiled"),
        ("tabular", {"name": "onnx", "microseconds": {"onnx": 1500}}, "takes 1500 microseconds a call"),
        ("tabular", {"name": "onnx"}, "an unknown number of microseconds"),
    ],
)
def test_one_version_that_needs_threads_decides_for_all(tmp_path, kind, runtime, why):
    store = Store(tmp_path)
    add(store, "quick", "tabular", {"name": "onnx", "microseconds": {"onnx": 20}})
    add(store, "slow", kind, runtime)
    found, told = choose(Settings(store=tmp_path))
    assert found == "gthread"
    assert told.startswith("slow version 1 ")
    assert why in told


def test_a_store_that_cannot_be_read_is_for_the_start_to_refuse(tmp_path):
    assert choose(Settings(store=tmp_path)) == ("gthread", "the store is empty")
    assert choose(Settings(store=tmp_path / "absent"))[0] == "gthread"


def add(store, name, kind, runtime):
    """A version that is its manifest alone."""
    folder = store.root / name / "1"
    folder.mkdir(parents=True)
    Manifest(name, "1", kind, {}, {} if runtime is None else {"runtime": runtime}).write(folder)
    (folder.parent / "current").write_text("1\n")


def test_worker_class_choice_is_logged(tabular_store):
    wanted, why = choose(Settings(store=tabular_store))
    with live_server(tabular_store) as server:
        assert f"worker class {wanted}: {why}" in server.log
