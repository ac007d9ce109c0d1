"""Streams over real connections: pieces at once, ends from any worker, deadlines in every dialect."""

import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection

import pytest
import requests

from benchmarks.support.serving import eventually
from service.errors import Overloaded
from service.generation.request import GenerationRequest
from service.scheduling.cancellation import Cancellations

ASKED = {"model": "tiny", "prompt": "abc", "max_tokens": 120, "temperature": 0}


@contextmanager
def streaming(url, body=ASKED, **headers):
    """The answer to a stream, its first event still to come."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    sent = {"Content-Type": "application/json", **headers}
    connection.request("POST", "/v1/completions", json.dumps(body | {"stream": True}), sent)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def test_each_piece_is_sent_when_it_is_generated(tiny_url):
    with streaming(tiny_url) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Transfer-Encoding"] == "chunked"
        seen = 0
        while (line := answer.readline().strip()) != b"data: [DONE]":
            seen += line.startswith(b"data: {")
        assert answer.read().strip() == b""
    assert seen > 60, "a piece a token, or nearly; not all of them in a few frames"


def test_a_connection_is_reused_after_a_stream(tiny_url):
    with requests.Session() as session:
        for _ in range(2):
            text = session.post(f"{tiny_url}/v1/completions", json=ASKED | {"stream": True}, timeout=30).text
            assert text.endswith("data: [DONE]\n\n")


def test_a_stream_is_cancelled_by_its_id_from_any_worker(tiny_url):
    """Each attempt is a new connection, so that both workers are reached; it is repeated if its stream has ended."""

    def cancelled(attempt):
        with streaming(tiny_url, **{"X-Request-ID": f"mine-{attempt}"}) as answer:
            assert answer.readline().startswith(b"data: {")
            ended = requests.post(f"{tiny_url}/v1/requests/mine-{attempt}/cancel", timeout=10)
            events = [line for line in answer.read().split(b"\n\n") if line.startswith(b"data: {")]
        reasons = [json.loads(event[6:])["choices"][0]["finish_reason"] for event in events]
        assert sum(reason is not None for reason in reasons) == 1, "exactly one event has a finish_reason"
        return ended.status_code == 200 and reasons[-1] == "cancelled"

    attempts = iter(range(1000))
    eventually(lambda: cancelled(next(attempts)), what="a stream ended by its id")


def test_cancelling_an_unknown_id_is_not_found(tiny_url):
    answer = requests.post(f"{tiny_url}/v1/requests/nobody/cancel", timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "request_not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"text": "abc"}),
        ("/v1/models/tiny:predict", {"instances": ["abc"] * 16, "parameters": {"max_tokens": 120}}),
        ("/v1/completions", ASKED | {"n": 16}),
    ],
)
def test_a_deadline_is_kept_in_every_dialect(tiny_url, path, body):
    answer = requests.post(tiny_url + path, json=body, headers={"X-Request-Timeout": "0.001"}, timeout=10)
    assert answer.status_code == 504
    assert "deadline_exceeded" in answer.text


# --- without a network


class Context:
    id, key = "mine", "key"
    deadline = None

    def gone(self):
        return False


class Slot:
    released = 0

    def release(self):
        self.released += 1


class Silent:
    """A generation that yields what the test puts into its outbox."""

    finish_reason = None
    cancelled = 0

    def start(self, outbox, index):
        self.outbox, self.index = outbox, index

    def take(self, item):
        if item is None:
            self.finish_reason = "length"
        return item or ""

    def cancel(self):
        self.cancelled += 1

    def close(self):
        self.finish_reason = self.finish_reason or "cancelled"


class Refused(Silent):
    def start(self, outbox, index):
        raise Overloaded("full")


def test_pieces_yields_a_sign_of_life_in_silence():
    """Tokens that are no text yet (held back for a stop string, say) are silence for the client."""
    generation = Silent()
    request = GenerationRequest([generation], Slot(), Context(), Cancellations(""))
    pieces = request.pieces()
    assert next(pieces) == (None, "")
    generation.outbox.put((0, ""))
    assert next(pieces) == (None, "")
    generation.outbox.put((0, "a"))
    assert next(pieces) == (0, "a")
    generation.outbox.put((0, None))
    assert list(pieces) == [(0, "")]


def test_a_request_can_be_cancelled_by_its_id_until_it_is_closed():
    generations, cancellations = [Silent(), Silent()], Cancellations("")
    request = GenerationRequest(generations, Slot(), Context(), cancellations)
    assert cancellations.cancel("mine", "key")
    assert not cancellations.cancel("mine", "another key")
    request.close()
    assert not cancellations.cancel("mine", "key")
    assert [generation.cancelled for generation in generations] == [1, 1]


def test_close_releases_the_slot_once_from_many_threads():
    generation, slot = Silent(), Slot()
    request = GenerationRequest([generation], slot, Context(), Cancellations(""))
    threads = [threading.Thread(target=request.close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert slot.released == 1
    assert generation.finish_reason == "cancelled"


def test_a_request_that_cannot_start_holds_nothing():
    started, slot, cancellations = Silent(), Slot(), Cancellations("")
    with pytest.raises(Overloaded):
        GenerationRequest([started, Refused()], slot, Context(), cancellations)
    assert slot.released == 1
    assert started.finish_reason == "cancelled"
    assert not cancellations.cancel("mine", "key")
