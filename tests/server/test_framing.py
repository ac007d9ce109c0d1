"""Where requests begin and end, on both worker classes in a real gunicorn, spoken to over raw sockets."""

import contextlib
import socket

import pytest

from benchmarks.support.serving import eventually
from tests.support.raw_client import LIMIT, Client, chunked, get, post, running
from tests.support.worker_app import BIG
from tests.support.workers import GTHREAD, KEEP_ALIVE


@pytest.fixture(scope="module", params=[KEEP_ALIVE, GTHREAD], ids=["keep-alive", "gthread"])
def server(request, tabular_store):
    with running(tabular_store, request.param) as url:
        yield url


@pytest.fixture
def client(server):
    with Client(server) as one:
        yield one


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


REFUSED = {
    "nonsense": (b"nonsense\r\n\r\n", 400),
    "two framings": (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "negative": (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "a bare LF": (b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
    "bare LFs alone": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a space": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "no host's name": (b"GET / HTTP/1.1\r\nHost: a b/<>\r\n\r\n", 400),
    "a host with a user": (b"GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", 400),
    "a long line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a long head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000, 431),
    "a coding": (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n", 501),
    "two codings": (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "an expectation": (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 3\r\n\r\n", 417),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_http_is_refused_and_the_connection_closed(server, client, name):
    request_, status = REFUSED[name]
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(request_)
    found, headers, _ = client.answer()
    assert (found, headers["connection"]) == (status, "close")
    assert client.ended()
    with Client(server) as other:
        assert other.send(post(b"alive")).answer()[2] == b"alive"


@pytest.mark.parametrize("name", REFUSED)
def test_no_path_is_read_less_strictly(server, name):
    """The head of a POST to /echo is read by llhttp first."""
    request_, status = REFUSED[name]
    for start in (b"GET /", b"POST /"):
        request_ = request_.replace(start, b"POST /echo", 1)
    with Client(server) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(request_ + get("/pid"))
        assert client.answer()[0] == status
        assert client.ended()


@pytest.mark.parametrize("body", [b"zz\r\n", b"3\r\nabcdef\r\n0\r\n\r\n", b"-3\r\nabc\r\n0\r\n\r\n"])
def test_broken_chunks_close_the_connection_and_smuggle_no_request(server, client, body):
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.send(head + body + get("/pid"))
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (400, "close")
    assert client.ended()


@pytest.mark.parametrize("host", [b"a", b"localhost:1200", b"127.0.0.1", b"[::1]:80", b"my_host.example", b""])
def test_hosts_that_are_none_of_our_business(client, host):
    assert client.send(get("/pid").replace(b"Host: a", b"Host: " + host)).answer()[0] == 200


def test_keep_alive_is_not_announced_where_the_body_broke_off(client):
    """The application may answer 200 to a body whose end nobody knows."""
    client.send(b"POST /unheeding HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get("/pid"))
    status, headers, _ = client.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert client.ended()


def test_an_application_that_raises(server, client):
    assert client.send(get("/fail")).answer()[0] == 500
    assert client.ended()
    with Client(server) as other:
        assert other.send(get("/fail_late")).head()[0] == 200
        assert other.file.read() == b"5\r\nbegun\r\n"  # no last chunk: the client sees that something is missing
    eventually(lambda: "the application raised late" in server.log, what="its line in the log")


def test_a_client_that_leaves_harms_nobody(server):
    for request in (b"", b"POST /echo", post(b"x" * 10)[:-5], get("/big"), get("/big") * 3):
        with Client(server) as client:
            client.send(request)
    with Client(server) as client:
        client.send(post(b"half"))
        client.sock.shutdown(socket.SHUT_WR)
        assert client.answer()[2] == b"half"
        assert client.ended()
