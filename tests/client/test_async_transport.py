"""AsyncClient's connections, retries and timeouts, against a tiny server that answers badly or drops connections."""

import asyncio
import gzip
import importlib
import json
import socket
import sys
import threading

import pytest

from client import (
    AsyncClient,
    ConnectError,
    InvalidRequest,
    Retries,
    ServerError,
    TimedOut,
    Timeout,
    TransportError,
    Unavailable,
)
from tests.support.client_server import DROP, GOOD, PREDICT, Answer, ok

COMPLETIONS = "POST /v1/completions"
EVENT = b'data: {"choices": [{"text": "once"}]}\n\n'


class Pauses(list):
    """A sleep() that only notes how long it was to take."""

    async def __call__(self, seconds):
        self.append(seconds)


def ask(url, *, times=1, **options):
    """The answers to some calls one after the other, by one client."""

    async def all_of_them():
        async with AsyncClient(url, **options) as client:
            return [await client.predict([[1]], "m") for _ in range(times)]

    return asyncio.run(all_of_them())


def refusal(status, **headers):
    return Answer(
        status, b'{"error": "no", "code": "c"}', {name.replace("_", "-"): str(headers[name]) for name in headers}
    )


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_transient_statuses_are_retried_after_pauses(server, status):
    server.routes[PREDICT] = [refusal(status, Retry_After=2), refusal(status), GOOD]
    pauses = Pauses()
    assert ask(server.url, retries=Retries(2, sleep=pauses, random=lambda: 0.5)) == [["yes"]]
    assert pauses == [2.05, 0.1]
    assert len({request.headers["X-Request-ID"] for request in server.requests}) == 1


def test_other_tasks_go_on_during_a_pause(server):
    server.routes |= {PREDICT: [refusal(503), GOOD], "POST /v1/models/n:predict": GOOD}

    async def both():
        in_pause, other_ended = asyncio.Event(), asyncio.Event()

        async def pause(_seconds):
            in_pause.set()
            await other_ended.wait()

        async with AsyncClient(server.url, retries=Retries(sleep=pause)) as client, asyncio.timeout(30):
            first = asyncio.create_task(client.predict([[1]], "m"))
            await in_pause.wait()
            await client.predict([[1]], "n")
            other_ended.set()
            return await first

    assert asyncio.run(both()) == ["yes"]
    assert [request.path[len("/v1/models/")] for request in server.requests] == ["m", "n", "m"]


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (refusal(422), InvalidRequest, "^no"),
        (refusal(500), ServerError, "^no"),
        (refusal(503, Retry_After=60), Unavailable, "^no"),
        (Answer(502, b"<h1>Bad Gateway</h1>"), ServerError, "answered 502 .*'Bad Gateway'"),
        (Answer(301, b"", {"Location": "https://there/"}), ServerError, "redirects to https://there/"),
        (Answer(200, b"not gzip", {"Content-Encoding": "gzip"}), ServerError, "cannot be decompressed"),
        (Answer(200, b'{"pred', length=500, close=True), TransportError, "broke before the answer was complete"),
        (Answer(200, b"nothing"), ServerError, "something unexpected"),
        (DROP, TransportError, "broke before"),
    ],
)
def test_invalid_answers_raise_a_daylight_error(server, answer, kind, match):
    server.routes[PREDICT] = answer
    with pytest.raises(kind, match=match) as caught:
        ask(server.url, retries=Retries(0))
    assert type(caught.value) is kind
    assert len(server.requests) == 1


def test_compressed_answers_are_decoded(server):
    server.routes[PREDICT] = Answer(200, gzip.compress(GOOD.content), {"Content-Encoding": "gzip"})
    assert ask(server.url) == [["yes"]]


def test_connections_are_kept_and_a_dropped_one_is_replaced(server):
    assert ask(server.url, times=3) == [["yes"]] * 3
    assert len({request.connection for request in server.requests}) == 1
    server.routes[PREDICT] = [GOOD, DROP, GOOD]
    assert ask(server.url, times=2, retries=Retries(0)) == [["yes"]] * 2
    server.routes[PREDICT] = [GOOD, DROP]
    with pytest.raises(TransportError, match="broke before"):
        ask(server.url, times=2, retries=Retries(0))


def test_broken_connection_is_retried_once(server):
    server.routes[PREDICT] = DROP
    with pytest.raises(TransportError, match="broke before"):
        ask(server.url, retries=Retries(9, sleep=Pauses()))
    assert len(server.requests) == 2


def test_refused_connection_is_a_connect_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ConnectError, match=f"no connection to http://127.0.0.1:{port} \\(.*[Cc]onnect"):
        ask(f"http://127.0.0.1:{port}", retries=Retries(0))


def test_silent_server_raises_timed_out(server):
    server.routes[PREDICT] = lambda request: server.over.wait() and GOOD
    with pytest.raises(TimedOut, match=r"silent for 0.1 s"):
        ask(server.url, timeout=Timeout(read=0.1))
    assert len(server.requests) == 1


def test_connection_that_is_not_accepted_raises_timed_out():
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as taken,
        socket.create_connection(taken.getsockname()),
        pytest.raises(TimedOut, match=r"no connection .* 0.1 s"),
    ):
        ask(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=Timeout(connect=0.1))


def test_deadline_holds_for_the_wait_for_a_connection_too(server):
    server.routes["POST /v1/models/slow:predict"] = lambda request: server.over.wait() and GOOD

    async def one_too_many():
        async with AsyncClient(server.url) as client:
            slow = [asyncio.create_task(client.predict([[1]], "slow")) for _ in range(32)]
            async with asyncio.timeout(30):
                while len(server.requests) < 32:
                    await asyncio.sleep(0.01)
            with pytest.raises(TimedOut, match="before a connection was free"):
                await client.predict([[1]], "m", timeout=0.2)
            for task in slow:
                task.cancel()
            ended = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(each) for each in ended} == {asyncio.CancelledError}
            return await client.predict([[1]], "m", timeout=20)

    assert asyncio.run(one_too_many()) == ["yes"]
    assert float(server.requests[-1].headers["X-Request-Timeout"]) == pytest.approx(20, abs=5)


def test_hundred_calls_share_few_connections(server):
    arrived, lock = [], threading.Lock()

    def answer(request):
        with lock:
            arrived.append(request.connection)
        return GOOD

    server.routes[PREDICT] = answer

    async def all_at_once():
        async with AsyncClient(server.url) as client:
            return await asyncio.gather(*(client.predict([[1]], "m") for _ in range(100)))

    assert asyncio.run(all_at_once()) == [["yes"]] * 100
    assert len(arrived) == 100
    assert len(set(arrived)) <= 32


def test_a_cancelled_call_closes_its_connection(server):
    """The next call would read the answer to the cancelled one, if the connection were kept."""
    waiting = threading.Event()

    def late(request):
        waiting.set()
        server.over.wait()
        return GOOD

    server.routes["POST /v1/models/late:predict"] = late

    async def cancel():
        async with AsyncClient(server.url) as client:
            task = asyncio.create_task(client.predict([[1]], "late"))
            await asyncio.to_thread(waiting.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await client.predict([[1]], "m")

    assert asyncio.run(cancel()) == ["yes"]
    late_request, next_request = server.requests
    assert late_request.connection != next_request.connection


def pieces(url, **options):
    async def read():
        async with AsyncClient(url, **options) as client, await client.stream("x", "m") as stream:
            return [piece async for piece in stream], stream

    return asyncio.run(read())


def test_lines_of_a_stream_end_at_line_feeds_alone(server):
    """httpx2 itself also ends lines at U+2028 and U+0085, which JSON may hold as they are."""
    text = "a\u2028b\u0085c\x0b"
    choice = {"text": text, "finish_reason": "stop"}
    event = json.dumps({"choices": [choice]}, ensure_ascii=False)
    server.routes[COMPLETIONS] = Answer(200, f": comment\r\n\r\ndata: {event}\r\n\r\ndata: [DONE]".encode())
    found, stream = pieces(server.url)
    assert (found, stream.text, stream.finish_reason) == ([text], text, "stop")


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (Answer(200, EVENT), ServerError, "ended in its middle"),
        (Answer(200, EVENT, length=500, close=True), TransportError, "broke before"),
        (Answer(200, EVENT, length=500), TimedOut, "silent for 0.1 s"),
        (Answer(200, b'data: {"error": {"message": "it broke", "code": "c"}}\n\n'), ServerError, "it broke"),
        (Answer(200, b"data: nonsense\n\n"), ServerError, "something unexpected"),
    ],
)
def test_broken_stream_raises_its_error_and_is_not_retried(server, answer, kind, match):
    server.routes[COMPLETIONS] = answer
    with pytest.raises(kind, match=match):
        pieces(server.url, timeout=0.1)
    assert len(server.requests) == 1


def test_key_and_password_are_sent(server):
    ask(server.url.replace("http://", "http://me:secret@"), api_key="k")
    headers = server.requests[0].headers
    assert (headers["X-API-Key"], headers["Authorization"]) == ("k", "Basic bWU6c2VjcmV0")
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"].startswith("daylight-client/")


def test_without_its_library_the_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx2", None)
    for name in ("client.async_transport", "client.async_streams"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("async_transport", "async_streams"):
        monkeypatch.delattr(importlib.import_module("client"), name, raising=False)
    with pytest.raises(ImportError, match=r"AsyncClient needs httpx2: pip install 'daylight-client\[async\]'"):
        AsyncClient()


def test_default_model_is_shared_by_the_calls_of_a_client(server):
    server.routes["GET /v1/models"] = ok({"data": [{"id": "m", "kind": "tabular", "default": True}]})

    async def three():
        async with AsyncClient(server.url) as client:
            return [await client.predict([[1]]) for _ in range(3)]

    assert asyncio.run(three()) == [["yes"]] * 3
    assert [request.path for request in server.requests].count("/v1/models") == 1
