"""What the client sends again, when, and how often: against a tiny real server, by a clock of the test's own."""

import json
import re
import socket

import pytest

from client import Client, ConnectError, InvalidRequest, Retries, ServerError, TimedOut, TransportError, Unavailable
from tests.support.client_server import DROP, GOOD, PREDICT, Answer, ok


class Clock:
    """A time that passes only where somebody sleeps; `pauses`: how long each time."""

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
def asking(server, clock):
    """A function that makes a client with other rules; it jitters by half."""
    made = []

    def make(times=2, **rules):
        rules = {"clock": clock, "sleep": clock.sleep, "random": lambda: 0.5, **rules}
        made.append(Client(server.url, retries=Retries(times, **rules)))
        return made[-1]

    yield make
    for client in made:
        client.close()


def no(status, **headers):
    return Answer(
        status, b'{"error": "no", "code": "c"}', {name.replace("_", "-"): str(headers[name]) for name in headers}
    )


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_asked_again_after_a_growing_pause(server, asking, clock, status):
    server.routes[PREDICT] = [no(status), no(status), GOOD]
    assert asking().predict([[1]], "m") == ["yes"]
    assert clock.pauses == [0.05, 0.1]
    assert len({request.body for request in server.requests}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500, 501])
def test_what_will_not_pass_is_asked_once(server, asking, status):
    server.routes[PREDICT] = no(status)
    with pytest.raises((InvalidRequest, ServerError)):
        asking().predict([[1]], "m")
    assert len(server.requests) == 1


def test_unreadable_answer_is_not_retried(server, asking):
    server.routes[PREDICT] = ok({"something": "else"})
    with pytest.raises(ServerError, match="unexpected"):
        asking().predict([[1]], "m")
    assert len(server.requests) == 1


def test_after_the_last_try_the_last_error_is_raised(server, asking, clock):
    server.routes[PREDICT] = [no(503), no(502), no(429)]
    with pytest.raises(Unavailable, match="429"):
        asking().predict([[1]], "m")
    assert (len(server.requests), len(clock.pauses)) == (3, 2)


def test_retry_pause_is_random_within_a_bounded_range(server, asking, clock):
    server.routes[PREDICT] = no(503)
    for share in (0.0, 1.0):
        with pytest.raises(Unavailable):
            asking(9, random=lambda share=share: share, burst=9).predict([[1]], "m")
    assert clock.pauses[:9] == [0] * 9
    assert clock.pauses[9:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


def test_retry_after_is_waited_for_and_not_by_all_for_as_long(server, asking, clock):
    server.routes[PREDICT] = [no(429, Retry_After=3), GOOD]
    assert asking().predict([[1]], "m") == ["yes"]
    assert clock.pauses == [3.05]


def test_retry_after_beyond_the_patience_is_raised_to_the_caller(server, asking, clock):
    server.routes[PREDICT] = no(503, Retry_After=11)
    with pytest.raises(Unavailable) as caught:
        asking().predict([[1]], "m")
    assert caught.value.retry_after == 11
    assert (len(server.requests), clock.pauses) == (1, [])
    server.routes[PREDICT] = [no(503, Retry_After=11), GOOD]
    assert asking(patience=20).predict([[1]], "m") == ["yes"]


def test_one_call_has_one_id_and_each_call_its_own(server, asking):
    server.routes[PREDICT] = [no(503), DROP, GOOD]
    client = asking()
    client.predict([[1]], "m")
    client.predict([[1]], "m")
    ids = [request.headers["X-Request-ID"] for request in server.requests]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert all(re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", one) for one in ids)  # or the server would make its own


def test_broken_connection_is_retried_once(server, asking, clock):
    """The worker was killed, and another one answers; or it died of this very request, and so would the next."""
    server.routes[PREDICT] = [DROP, GOOD]
    assert asking().predict([[1]], "m") == ["yes"]
    server.requests.clear()
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError, match="broke before"):
        asking(9).predict([[1]], "m")
    assert len(server.requests) == 2


def test_nor_when_the_first_break_was_of_a_kept_connection(server, asking, clock):
    client = asking(9)
    client.predict([[1]], "m")
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError, match="broke before"):
        client.predict([[1]], "m")
    assert (len(server.requests), clock.pauses) == (3, [])


def test_an_answer_that_broke_off_is_asked_for_again(server, asking):
    server.routes[PREDICT] = [Answer(200, b'{"pred', length=500, close=True), GOOD]
    assert asking().predict([[1]], "m") == ["yes"]


def test_nobody_listening_is_tried_again(clock):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    retries = Retries(3, clock=clock, sleep=clock.sleep, random=lambda: 1.0)
    with Client(f"http://127.0.0.1:{port}", retries=retries) as client, pytest.raises(ConnectError):
        client.predict([[1]], "m")
    assert clock.pauses == [0.1, 0.2, 0.4]


def test_who_was_silent_is_not_asked_again(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with Client(server.url, timeout=0.1) as client, pytest.raises(TimedOut):
        client.predict([[1]], "m")
    assert len(server.requests) == 1


def test_health_is_asked_once(server, asking, clock):
    server.routes["GET /health/ready"] = server.routes["GET /health/live"] = no(503)
    client = asking()
    assert client.ready() is client.live() is False
    assert (len(server.requests), clock.pauses) == (2, [])


# --- the budget


def test_of_many_refused_requests_a_tenth_is_sent_again(server, asking):
    server.routes[PREDICT] = no(503)
    client = asking()
    for _ in range(300):
        with pytest.raises(Unavailable):
            client.predict([[1]], "m")
    assert 300 + 30 <= len(server.requests) <= 300 + 10 + 30


def test_a_kept_connection_that_was_dropped_costs_no_budget(server, asking):
    client = asking(burst=0)
    for _ in range(3):
        server.routes[PREDICT] = [GOOD, DROP, GOOD]
        assert client.predict([[1]], "m") == client.predict([[1]], "m") == ["yes"]


# --- the time for the whole call


def given(request):
    return float(request.headers["X-Request-Timeout"])


def test_the_server_is_told_what_is_left(server, asking, clock):
    server.routes[PREDICT] = [no(429, Retry_After=2), GOOD]
    client = asking()
    assert client.predict([[1]], "m", timeout=5) == ["yes"]
    assert [given(request) for request in server.requests] == [5.0, pytest.approx(2.95)]
    client.predict([[1]], "m")
    assert "X-Request-Timeout" not in server.requests[-1].headers


def test_no_pause_is_begun_that_the_call_would_not_outlive(server, asking, clock):
    server.routes[PREDICT] = no(429, Retry_After=5)
    with pytest.raises(Unavailable):
        asking().predict([[1]], "m", timeout=5)
    assert (len(server.requests), clock.pauses) == (1, [])


def test_asking_for_the_default_model_counts(server, asking, clock):
    def slow(request):
        clock.now += 2
        return ok({"data": [{"id": "m", "kind": "tabular", "default": True}]})

    server.routes["GET /v1/models"] = slow
    assert asking().predict([[1]], timeout=5) == ["yes"]
    assert [given(request) for request in server.requests] == [5.0, 3.0]
    with pytest.raises(TimedOut, match="was over before"):
        asking().predict([[1]], timeout=2)
    assert len(server.requests) == 3


def test_a_silent_server_is_waited_for_no_longer_than_the_call(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with Client(server.url) as client, pytest.raises(TimedOut, match=r"silent for 0\.\d+ s"):
        client.predict([[1]], "m", timeout=0.1)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_no_time_is_no_limit(asking, server, seconds):
    with pytest.raises(ValueError, match="expected seconds, more than 0"):
        asking().predict([[1]], "m", timeout=seconds)
    assert server.requests == []


# --- streams


STREAM = "POST /v1/completions"
BEGUN = b'data: {"choices": [{"text": "once"}]}\n\n'


def test_refused_stream_is_retried_and_a_begun_one_is_not(server, asking):
    server.routes[STREAM] = [no(503), Answer(200, BEGUN, length=500, close=True)]
    with pytest.raises(TransportError, match="broke before"):
        list(asking().stream("x", "m", timeout=7))
    assert [given(request) for request in server.requests] == [7.0, pytest.approx(6.95)]
    assert json.loads(server.requests[-1].body).keys() == {"prompt", "model", "stream", "stream_options"}


def test_chat_has_a_time_too(server, asking):
    message = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {}, "model": "m"}
    server.routes["POST /v1/chat/completions"] = ok(message)
    assert asking().chat([{"role": "user", "content": "x"}], "m", timeout=3) == "hi"
    assert given(server.requests[-1]) == 3.0
