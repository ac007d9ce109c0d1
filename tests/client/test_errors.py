"""The client's errors and connections, against a tiny HTTP server that answers badly or drops connections."""

import gzip
import json
import pickle
import socket
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from threading import Barrier
from time import time

import pytest
import requests

from client import (
    Client,
    ConnectError,
    DaylightError,
    InvalidRequest,
    Retries,
    ServerError,
    TimedOut,
    Timeout,
    TransportError,
    Unavailable,
)
from tests.support.client_server import DROP, GOOD, PREDICT, Answer, ok


@pytest.fixture
def client(server):
    """A client that repeats a request only after a dropped kept connection; test_retries.py has the others."""
    with Client(server.url, retries=Retries(0)) as client:
        yield client


VIOLATIONS = [{"row": row, "column": "age", "expected": "a number", "got": "'x'"} for row in range(8)]
NESTED = {
    "error": {"code": "c", "message": "message", "details": [{"field": "x", "message": "y"}], "request_id": "id-1"}
}
FLAT = {"error": "message", "code": "c", "details": [{"field": "x", "message": "y"}], "request_id": "id-1"}


@pytest.mark.parametrize("body", [NESTED, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, InvalidRequest),
        (404, InvalidRequest),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (429, Unavailable),
        (500, ServerError),
        (503, Unavailable),
        (504, ServerError),
    ],
)
def test_each_status_raises_its_error_class_for_both_body_forms(server, client, status, kind, body):
    server.routes[PREDICT] = Answer(status, json.dumps(body).encode(), {"Retry-After": "7"})
    with pytest.raises(DaylightError) as caught:
        client.predict([[1]], "m")
    error = caught.value
    assert (type(error), error.message, error.status, error.code, error.request_id) == (
        kind,
        "message",
        status,
        "c",
        "id-1",
    )
    assert (error.details, error.retry_after) == ([{"field": "x", "message": "y"}], 7.0)
    assert str(error) == f"message ({status}, c, request id-1)"
    twin = pickle.loads(pickle.dumps(error))  # as a process pool does
    assert (type(twin), str(twin), twin.details) == (kind, str(error), error.details)


def test_message_shows_five_violations_and_details_has_all(server, client):
    body = {"error": "row 0 ... (and 149 more)", "code": "invalid_instances", "details": VIOLATIONS, "total": 150}
    server.routes[PREDICT] = Answer(422, json.dumps(body).encode(), {"X-Request-ID": "id-2"})
    with pytest.raises(InvalidRequest) as caught:
        client.predict([[1]], "m")
    assert caught.value.details == VIOLATIONS
    assert str(caught.value).splitlines() == [
        "150 values are not as expected (422, invalid_instances, request id-2)",
        *[f"  row {row}, column 'age': expected a number, got 'x'" for row in range(5)],
        "  ... and 145 more",
    ]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3), ("0.5", 0.5), ("a date", 100), ("soon", None), ("nan", None), (None, None)],
)
def test_retry_after_is_seconds_or_a_date(server, client, header, seconds):
    header = formatdate(time() + 100, usegmt=True) if header == "a date" else header
    server.routes[PREDICT] = Answer(429, b"{}", {"Retry-After": header} if header else {})
    with pytest.raises(Unavailable) as caught:
        client.predict([[1]], "m")
    retry_after = caught.value.retry_after
    assert (
        retry_after is None if seconds is None else retry_after == pytest.approx(seconds, abs=10 if seconds > 50 else 0)
    )


HTML = b"<html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>"


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (Answer(502, HTML, {"Content-Type": "text/html"}), ServerError, "answered 502 .*'502 Bad Gateway nginx'"),
        (Answer(503, HTML), Unavailable, "answered 503"),
        (Answer(413, HTML), InvalidRequest, "answered 413"),
        (Answer(404, HTML), InvalidRequest, "answered 404"),
        (Answer(500, b""), ServerError, "did not say why \\(500\\)"),
        (Answer(500, b"\xff\xfe\x00"), ServerError, "answered 500"),
        (Answer(500, b'{"error": ["odd"], "details": 7}'), ServerError, "odd"),
        (Answer(422, b'{"error": "no", "details": [7], "total": "x"}'), InvalidRequest, "^no \\(422\\)$"),
        (Answer(301, b"", {"Location": "https://there/"}), ServerError, "redirects to https://there/"),
        (Answer(304), ServerError, "answered 304"),
        (Answer(200, HTML), ServerError, "something unexpected: '502 Bad"),
        (Answer(200, b""), ServerError, "something unexpected"),
        (Answer(200, b'{"predictions": ["y'), ServerError, "something unexpected"),
        (Answer(200, b"[" * 100_000), ServerError, "something unexpected"),
        (Answer(200, b"\xff"), ServerError, "something unexpected"),
        (ok([]), ServerError, "something unexpected"),
        (ok(None), ServerError, "something unexpected"),
        (ok({"status": "fine"}), ServerError, "something unexpected"),
        (ok({"predictions": "yes", "model_name": "m", "model_version": "1"}), ServerError, "something unexpected"),
        (Answer(200, b"not gzip", {"Content-Encoding": "gzip"}), ServerError, "cannot be decompressed"),
        (Answer(200, b'{"pred', length=500, close=True), TransportError, "broke before the answer was complete"),
    ],
)
def test_invalid_answers_raise_a_daylight_error(server, client, answer, kind, match):
    server.routes[PREDICT] = answer
    with pytest.raises(DaylightError, match=match) as caught:
        client.predict([[1]], "m")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "answer", [{"predictions": []}, {"predictions": ["text"]}, {"predictions": [{"text": 7}]}, {"data": [{}]}, []]
)
def test_answers_of_an_unexpected_shape_are_server_errors(server, client, answer):
    for route in (PREDICT, "GET /v1/models"):
        server.routes[route] = ok(answer)
    with pytest.raises(ServerError):
        client.generate("Once", "m")
    with pytest.raises(ServerError):
        client.models()


def test_compressed_answers_are_decoded(server, client):
    server.routes[PREDICT] = Answer(200, gzip.compress(GOOD.content), {"Content-Encoding": "gzip"})
    assert client.predict([[1]], "m") == ["yes"]


def test_refused_connection_is_a_connect_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}")
    with pytest.raises(ConnectError, match=f"no connection to http://127.0.0.1:{port} \\(.*refused"):
        client.predict([[1]], "m")
    assert client.live() is client.ready() is False


def test_silent_server_raises_timed_out(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with Client(server.url, timeout=Timeout(read=0.1)) as client, pytest.raises(TimedOut, match=r"silent for 0.1 s"):
        client.predict([[1]], "m")
    assert len(server.requests) == 1


def test_answer_that_stops_halfway_raises_timed_out(server):
    server.routes[PREDICT] = Answer(200, b'{"pred', length=500)
    with Client(server.url, timeout=0.1) as client, pytest.raises(TimedOut, match=r"silent for 0.1 s"):
        client.predict([[1]], "m")


def test_connection_that_is_not_accepted_raises_timed_out():
    """A full backlog: the system keeps the connection waiting, as an unreachable machine does."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as taken,
        Client(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=Timeout(connect=0.1)) as client,
        socket.create_connection(taken.getsockname()),
        pytest.raises(TimedOut, match=r"no connection .* 0.1 s"),
    ):
        client.predict([[1]], "m")


def test_connections_are_reused(server, client):
    for _ in range(3):
        client.predict([[1]], "m")
    assert len({request.connection for request in server.requests}) == 1


def test_closed_kept_connection_is_replaced(server, client):
    """The server closes the connection after its answer, as gunicorn does after its keep-alive timeout."""
    server.routes[PREDICT] = [Answer(200, GOOD.content, close=True), GOOD]
    assert client.predict([[1]], "m") == client.predict([[1]], "m") == ["yes"]
    assert len({request.connection for request in server.requests}) == 2


def test_kept_connection_dropped_at_use_is_replaced_without_an_error(server, client):
    server.routes[PREDICT] = [GOOD, DROP, GOOD]
    assert client.predict([[1]], "m") == client.predict([[2]], "m") == ["yes"]
    first, dropped, again = server.requests
    assert first.connection == dropped.connection != again.connection
    assert dropped.body == again.body


def test_after_one_dropped_connection_a_new_one_is_opened(server, client):
    """The other kept connections are as old: the second attempt could meet another dropped one."""
    together, old = Barrier(2), set()

    def answer(request):
        if request.connection in old:
            return DROP
        together.wait(timeout=10)
        return GOOD

    def both():
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda row: client.predict([[row]], "m"), range(2))) == [["yes"], ["yes"]]

    server.routes[PREDICT] = answer
    both()
    old |= {request.connection for request in server.requests}
    server.routes["GET /v1/models/m"] = lambda request: DROP if request.connection in old else ok({})
    assert client.describe("m") == {}
    both()
    assert [request.connection in old for request in server.requests[2:]] == [True, False, False, False]


def test_request_is_repeated_only_once_after_dropped_connections(server, client):
    server.routes[PREDICT] = [GOOD, DROP]
    client.predict([[1]], "m")
    with pytest.raises(TransportError, match="broke before"):
        client.predict([[2]], "m")
    assert len(server.requests) == 3


def test_request_is_not_repeated_if_a_new_connection_breaks(server, client):
    """The connection was new, so it broke because of the request and not because it was idle."""
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError) as caught:
        client.predict([[1]], "m")
    assert type(caught.value) is TransportError
    assert len(server.requests) == 1


def test_exception_that_the_caller_handles_is_not_taken_for_the_cause(server, client):
    """The exception that the caller handles, here the timeout of another request, is the new one's __context__."""
    server.routes["POST /v1/models/slow:predict"] = lambda request: server.over.wait() and GOOD
    server.routes[PREDICT] = DROP
    try:
        with Client(server.url, timeout=0.1) as hasty:
            hasty.predict([[1]], "slow")
    except TimedOut:
        with pytest.raises(TransportError) as caught:
            client.predict([[1]], "m")
    assert type(caught.value) is TransportError


def test_threads_may_share_a_client(server, client):
    together = Barrier(8)

    def answer(request):
        together.wait(timeout=10)
        rows = json.loads(request.body)["instances"]
        return ok({"predictions": [row[0] for row in rows], "model_name": "m", "model_version": "1"})

    server.routes[PREDICT] = answer
    with ThreadPoolExecutor(8) as pool:
        for start in (0, 100):
            rows = range(start, start + 8)
            assert list(pool.map(lambda row: client.predict([[row]], "m"), rows)) == [[row] for row in rows]
    assert len({request.connection for request in server.requests}) == 8


def test_adapter_may_be_mounted_on_the_session():
    class Echo(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            answer = requests.Response()
            answer.status_code = 200
            answer._content = json.dumps({"name": request.path_url, "timeout": kwargs["timeout"]}).encode()
            return answer

        def close(self):
            pass

    with Client("http://nowhere", timeout=5) as client:
        client.session.mount("http://", Echo())
        assert client.describe("m") == {"name": "/v1/models/m", "timeout": [5, 5]}


def test_password_in_the_url_is_sent_and_not_in_repr(server):
    with Client(server.url.replace("//", "//me:s%40cret@") + "/") as client:
        client.predict([[1]], "m")
        assert server.requests[-1].headers["Authorization"] == requests.auth._basic_auth_str("me", "s@cret")
        assert repr(client) == f"Client({server.url!r}, timeout=Timeout(connect=3.05, read=60.0))"
