"""The official `openai` package against the running server: the address is all that it is told."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Literal

import openai
import pytest
import requests
from pydantic import BaseModel

from benchmarks.support.serving import eventually, live_server
from tests.support.tiny_text import pack_tiny

GREEDY = {"model": "tiny", "max_tokens": 12, "temperature": 0}
MESSAGES = [{"role": "user", "content": "abc"}]


class Known(BaseModel):
    name: Literal["x"]


@pytest.fixture
def client(tiny_url):
    with openai.OpenAI(base_url=f"{tiny_url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_its_tour(client):
    assert [model.id for model in client.models.list()] == ["tiny"]
    model = client.models.retrieve("tiny")
    assert (model.id, model.object, model.owned_by, type(model.created)) == ("tiny", "model", "daylight", int)
    whole = client.completions.create(prompt="abc", n=2, logprobs=1, **GREEDY)
    assert whole.usage.completion_tokens == 24
    assert "".join(whole.choices[1].logprobs.tokens) == whole.choices[0].text
    with client.completions.create(prompt="abc", stream=True, **GREEDY) as stream:
        assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text
    answer = client.chat.completions.create(messages=MESSAGES, logprobs=True, top_logprobs=2, **GREEDY)
    assert answer.choices[0].message.role == "assistant"
    assert len(answer.choices[0].logprobs.content) == 12
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(messages=MESSAGES, stream=True, stream_options=options, **GREEDY)
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == answer.choices[0].message.content
    assert (last.usage, chunks[-1].choices[0].finish_reason) == (answer.usage, "length")


def test_its_stop_and_its_formats(client):
    text = client.completions.create(prompt="abc", **GREEDY).choices[0].text
    stopped = client.completions.create(prompt="abc", stop=[text[5]], **GREEDY).choices[0]
    assert (stopped.text, stopped.finish_reason) == (text[: text.find(text[5])], "stop")


def test_a_model_that_writes_what_a_schema_allows(client):
    schema = {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": False}
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = client.chat.completions.create(messages=MESSAGES, response_format=asked, **GREEDY | {"max_tokens": 100})
    assert answer.choices[0].message.content.replace(" ", "").strip() in ('{"a":1}', '{"a":2}')


def test_its_errors(client):
    with pytest.raises(openai.NotFoundError, match="there is no model 'huge'"):
        client.completions.create(prompt="abc", **GREEDY | {"model": "huge"})
    with pytest.raises(openai.BadRequestError, match="tools") as caught:
        client.chat.completions.create(messages=MESSAGES, tools=[{"type": "function"}], **GREEDY)
    assert (caught.value.param, caught.value.type) == ("tools[0].function", "invalid_request_error")
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.completions.create(prompt="abc", **GREEDY | {"temperature": -1})
    with pytest.raises(openai.BadRequestError, match="maximum context length is 128 tokens") as exceeded:
        client.chat.completions.create(messages=[{"role": "user", "content": "a" * 200}], **GREEDY)
    assert (exceeded.value.code, exceeded.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(openai.BadRequestError, match="at most 80 completions"):  # 16 at once and 64 that wait
        client.completions.create(prompt="abc", n=128, **GREEDY)


def test_too_many_completions_are_a_rate_limit(client):
    """The engine holds 80 of them."""
    with ExitStack() as streams, pytest.raises(openai.RateLimitError, match="completions are running") as refused:
        for _ in range(3):
            many = client.completions.create(prompt="abc", n=60, stream=True, **GREEDY | {"max_tokens": 120})
            streams.enter_context(many)
    assert int(refused.value.response.headers["Retry-After"]) >= 1
    assert refused.value.code == "rate_limit_exceeded"


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # the package's own, of the type of `parsed`
def test_a_conversation_goes_on_with_what_was_answered(client):
    """As its own page shows it: the message itself, as an object or dumped, is appended to the messages."""
    message = client.chat.completions.create(messages=MESSAGES, **GREEDY).choices[0].message
    longer = GREEDY | {"max_tokens": 40}
    parsed = client.chat.completions.parse(messages=MESSAGES, response_format=Known, **longer).choices[0].message
    assert parsed.parsed == Known(name="x")
    for answered in (message, parsed):
        texts = set()
        for kept in (answered, answered.model_dump(), answered.to_dict()):
            messages = [*MESSAGES, kept, {"role": "user", "content": "d"}]
            texts.add(client.chat.completions.create(messages=messages, **GREEDY).choices[0].message.content)
        assert len(texts) == 1


def test_a_stream_given_up_by_the_client_frees_its_place(tiny_url, client):
    """More streams than there are places, each given up after its first piece."""
    for _ in range(20):
        with client.completions.create(prompt="abc", stream=True, **GREEDY | {"max_tokens": 100}) as stream:
            next(iter(stream))
    assert client.completions.create(prompt="abc", **GREEDY).choices


def vanish(url):
    """A stream begun, and its socket closed without a word after the first bytes, which it returns."""
    host, port = url.removeprefix("http://").split(":")
    body = b'{"model": "tiny", "prompt": "abc", "max_tokens": 120, "stream": true}'
    head = "\r\n".join(["POST /v1/completions HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "", ""])
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        return connection.recv(12)


def vanish_together(url, count):
    with ThreadPoolExecutor(count) as crowd:
        return list(crowd.map(vanish, [url] * count))


def test_vanished_clients_hold_nothing(tiny_url):
    vanish_together(tiny_url, 12)

    def free():
        answers = [
            requests.post(f"{tiny_url}/v1/completions", json=GREEDY | {"prompt": "a"}, timeout=10) for _ in range(6)
        ]
        return all(one.status_code == 200 for one in answers)

    eventually(free, seconds=10, what="all places being free")


def in_flight(url):
    """Requests that are being answered, the one that asks among them."""
    told = requests.get(f"{url}/metrics", timeout=10).text
    return float(re.search(r"^daylight_requests_in_flight(?:{.*})? (.*)$", told, re.M)[1])


@pytest.mark.heavy
def test_two_hundred_vanished_clients_leave_other_texts_unchanged(tmp_path):
    """A second after the last of them nothing is written for any, and who stayed has lost nothing."""
    pack_tiny(tmp_path)
    asked = GREEDY | {"prompt": "abcdefgh", "max_tokens": 100, "n": 8}
    with live_server(tmp_path, threads=230, env={"DAYLIGHT_MAX_WAITING": "300", "DAYLIGHT_MAX_WAIT": "600"}) as url:
        wanted = requests.post(f"{url}/v1/completions", json=asked, timeout=30).json()["choices"]
        with ThreadPoolExecutor() as pool:
            neighbour = pool.submit(requests.post, f"{url}/v1/completions", json=asked, timeout=60)
            assert vanish_together(url, 200) == [b"HTTP/1.1 200"] * 200
            eventually(lambda: in_flight(url) <= 2, seconds=1, what="nobody but the neighbour being served")
            assert neighbour.result().json()["choices"] == wanted
