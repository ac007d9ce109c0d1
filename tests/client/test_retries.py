"""The client's retries, against a tiny HTTP server and with a clock of the test."""

import json
import re
import socket

import pytest

from client import Client, ConnectError, InvalidRequest, Retries, ServerError, TimedOut, TransportError, Unavailable
from tests.support.client_server import DROP, GOOD, PREDICT, Answer, ok


class Clock:
    """A clock that advances only by sleep(). pauses: the seconds of each sleep."""

    def __init__(self):
        self.now, self.pauses = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def new_client(server, clock):
    """A function that returns a client with these Retries; each random pause is half of its upper limit."""
    clients = []

    def new_client(times=2, **rules):
        rules = {"clock": clock, "sleep": clock.sleep, "random": lambda: 0.5, **rules}
        clients.append(Client(server.url, retries=Retries(times, **rules)))
        return clients[-1]

    yield new_client
    for client in clients:
        client.close()


def refusal(status, **headers):
    return Answer(
        status, b'{"error": "no", "code": "c"}', {name.replace("_", "-"): str(headers[name]) for name in headers}
    )


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_statuses_are_retried_after_growing_pauses(server, new_client, clock, status):
    server.routes[PREDICT] = [refusal(status), refusal(status), GOOD]
    assert new_client().predict([[1]], "m") == ["yes"]
    assert clock.pauses == [0.05, 0.1]
    assert len({request.body for request in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500, 501])
def test_permanent_statuses_are_not_retried(server, new_client, status):
    server.routes[PREDICT] = refusal(status)
    with pytest.raises((InvalidRequest, ServerError)):
        new_client().predict([[1]], "m")
    assert len(server.requests) == 1


def test_unreadable_answer_is_not_retried(server, new_client):
    server.routes[PREDICT] = ok({"something": "else"})
    with pytest.raises(ServerError, match="unexpected"):
        new_client().predict([[1]], "m")
    assert len(server.requests) == 1


def test_last_error_is_raised_after_the_last_try(server, new_client, clock):
    server.routes[PREDICT] = [refusal(503), refusal(502), refusal(429)]
    with pytest.raises(Unavailable, match="429"):
        new_client().predict([[1]], "m")
    assert (len(server.requests), len(clock.pauses)) == (3, 2)


def test_retry_pause_is_random_within_a_bounded_range(server, new_client, clock):
    server.routes[PREDICT] = refusal(503)
    for share in (0.0, 1.0):
        with pytest.raises(Unavailable):
            new_client(9, random=lambda share=share: share, burst=9).predict([[1]], "m")
    assert clock.pauses[:9] == [0] * 9
    assert clock.pauses[9:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_retry_after_is_waited_for_with_a_random_addition(server, new_client, clock):
    server.routes[PREDICT] = [refusal(429, Retry_After=3), GOOD]
    assert new_client().predict([[1]], "m") == ["yes"]
    assert clock.pauses == [3.05]


def test_retry_after_beyond_the_patience_is_raised_to_the_caller(server, new_client, clock):
    server.routes[PREDICT] = refusal(503, Retry_After=11)
    with pytest.raises(Unavailable) as caught:
        new_client().predict([[1]], "m")
    assert caught.value.retry_after == 11
    assert (len(server.requests), clock.pauses) == (1, [])
    server.routes[PREDICT] = [refusal(503, Retry_After=11), GOOD]
    assert new_client(patience=20).predict([[1]], "m") == ["yes"]


def test_all_tries_of_a_call_have_one_request_id(server, new_client):
    server.routes[PREDICT] = [refusal(503), DROP, GOOD]
    client = new_client()
    client.predict([[1]], "m")
    client.predict([[1]], "m")
    ids = [request.headers["X-Request-ID"] for request in server.requests]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert all(re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", request_id) for request_id in ids)  # else the server replaces it


def test_broken_connection_is_retried_once(server, new_client, clock):
    """Another worker may answer; but if the request itself kills workers, it must not reach a third one."""
    server.routes[PREDICT] = [DROP, GOOD]
    assert new_client().predict([[1]], "m") == ["yes"]
    server.requests.clear()
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError, match="broke before"):
        new_client(9).predict([[1]], "m")
    assert len(server.requests) == 2


def test_dropped_kept_connection_counts_as_the_one_retry(server, new_client, clock):
    client = new_client(9)
    client.predict([[1]], "m")
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError, match="broke before"):
        client.predict([[1]], "m")
    assert (len(server.requests), clock.pauses) == (3, [])


def test_incomplete_answer_is_retried(server, new_client):
    server.routes[PREDICT] = [Answer(200, b'{"pred', length=500, close=True), GOOD]
    assert new_client().predict([[1]], "m") == ["yes"]


def test_refused_connection_is_retried(clock):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    retries = Retries(3, clock=clock, sleep=clock.sleep, random=lambda: 1.0)
    with Client(f"http://127.0.0.1:{port}", retries=retries) as client, pytest.raises(ConnectError):
        client.predict([[1]], "m")
    assert clock.pauses == [0.1, 0.2, 0.4]


def test_silent_server_is_not_retried(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with Client(server.url, timeout=0.1) as client, pytest.raises(TimedOut):
        client.predict([[1]], "m")
    assert len(server.requests) == 1


def test_health_checks_are_not_retried(server, new_client, clock):
    server.routes["GET /health/ready"] = server.routes["GET /health/live"] = refusal(503)
    client = new_client()
    assert client.ready() is client.live() is False
    assert (len(server.requests), clock.pauses) == (2, [])


# --- the budget


def test_retries_are_a_tenth_of_the_requests_at_most(server, new_client):
    server.routes[PREDICT] = refusal(503)
    client = new_client()
    for _ in range(300):
        with pytest.raises(Unavailable):
            client.predict([[1]], "m")
    assert 300 + 30 <= len(server.requests) <= 300 + 10 + 30


def test_dropped_kept_connection_costs_no_budget(server, new_client):
    client = new_client(burst=0)
    for _ in range(3):
        server.routes[PREDICT] = [GOOD, DROP, GOOD]
        assert client.predict([[1]], "m") == client.predict([[1]], "m") == ["yes"]


# --- the deadline of a call


def sent_timeout(request):
    return float(request.headers["X-Request-Timeout"])


def test_server_is_told_the_remaining_time(server, new_client, clock):
    server.routes[PREDICT] = [refusal(429, Retry_After=2), GOOD]
    client = new_client()
    assert client.predict([[1]], "m", timeout=5) == ["yes"]
    assert [sent_timeout(request) for request in server.requests] == [5.0, pytest.approx(2.95)]
    client.predict([[1]], "m")
    assert "X-Request-Timeout" not in server.requests[-1].headers


def test_pause_beyond_the_deadline_is_not_started(server, new_client, clock):
    server.routes[PREDICT] = refusal(429, Retry_After=5)
    with pytest.raises(Unavailable):
        new_client().predict([[1]], "m", timeout=5)
    assert (len(server.requests), clock.pauses) == (1, [])


def test_request_for_the_default_model_counts_toward_the_deadline(server, new_client, clock):
    def slow(request):
        clock.now += 2
        return ok({"data": [{"id": "m", "kind": "tabular", "default": True}]})

    server.routes["GET /v1/models"] = slow
    assert new_client().predict([[1]], timeout=5) == ["yes"]
    assert [sent_timeout(request) for request in server.requests] == [5.0, 3.0]
    with pytest.raises(TimedOut, match="was over before"):
        new_client().predict([[1]], timeout=2)
    assert len(server.requests) == 3


def test_silent_server_is_waited_for_until_the_deadline_at_most(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with Client(server.url) as client, pytest.raises(TimedOut, match=r"silent for 0\.\d+ s"):
        client.predict([[1]], "m", timeout=0.1)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_timeout_must_be_positive_and_finite(new_client, server, seconds):
    with pytest.raises(ValueError, match="expected seconds, more than 0"):
        new_client().predict([[1]], "m", timeout=seconds)
    assert server.requests == []


# --- streams


COMPLETIONS = "POST /v1/completions"
FIRST_EVENT = b'data: {"choices": [{"text": "once"}]}\n\n'


def test_refused_stream_is_retried_and_a_started_one_is_not(server, new_client):
    server.routes[COMPLETIONS] = [refusal(503), Answer(200, FIRST_EVENT, length=500, close=True)]
    with pytest.raises(TransportError, match="broke before"):
        list(new_client().stream("x", "m", timeout=7))
    assert [sent_timeout(request) for request in server.requests] == [7.0, pytest.approx(6.95)]
    assert json.loads(server.requests[-1].body).keys() == {"prompt", "model", "stream", "stream_options"}


def test_chat_sends_its_timeout(server, new_client):
    message = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {}, "model": "m"}
    server.routes["POST /v1/chat/completions"] = ok(message)
    assert new_client().chat([{"role": "user", "content": "x"}], "m", timeout=3) == "hi"
    assert sent_timeout(server.requests[-1]) == 3.0
