"""AsyncClient beside Client: the same methods, and of one real server the same answers, errors and streams."""

import asyncio
import inspect
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_iris

from benchmarks.support.serving import live_server
from client import AsyncClient, Client, Completion, DaylightError, InvalidRequest
from tests.support.small_networks import pack_looker
from tests.support.tiny_encoders import (
    pack_classifier,
    pack_embedder,
    pack_mask_filler,
    pack_reranker,
    pack_token_classifier,
    pack_zero_shot,
)
from tests.support.tiny_images import pack_colors, picture
from tests.support.tiny_text import add_compiled_tiny

GREEDY = {"max_tokens": 12, "temperature": 0}
MESSAGES = [{"role": "user", "content": "abc"}]
FRAME = load_iris(as_frame=True).data
LOOKER = {"image": np.zeros((2, 2, 3), np.float32), "ids": np.array([[0, 1, 4], [3, 3, 3]])}
ONLY_BLOCKING = {"__enter__", "__exit__"}
ONLY_ASYNC = {"__aenter__", "__aexit__"}


def methods(client_class):
    """{name: signature} of what a class offers. The streams that methods return have a name of their own."""
    names = {name for name in dir(client_class) if not name.startswith("_")} | ONLY_BLOCKING | ONLY_ASYNC
    found = {name: getattr(client_class, name) for name in names if hasattr(client_class, name)}
    return {name: str(inspect.signature(found[name])).replace("AsyncTextStream", "TextStream") for name in found}


def test_both_clients_have_the_same_methods_and_signatures():
    blocking, awaited = methods(Client), methods(AsyncClient)
    assert blocking.keys() - awaited.keys() == ONLY_BLOCKING
    assert awaited.keys() - blocking.keys() == ONLY_ASYNC
    assert {name: blocking[name] for name in blocking.keys() & awaited.keys()} == {
        name: awaited[name] for name in blocking.keys() & awaited.keys()
    }
    assert len(blocking) >= 20
    assert inspect.signature(Client) == inspect.signature(AsyncClient)
    for name in blocking.keys() & awaited.keys():
        assert inspect.iscoroutinefunction(getattr(AsyncClient, name)), name
        assert getattr(AsyncClient, name).__doc__, name
        assert not inspect.iscoroutinefunction(getattr(Client, name)), name


@pytest.fixture(scope="module")
def url(tabular_store, tmp_path_factory):
    """A server of one model of each kind, which takes forty rows in a request."""
    store = tmp_path_factory.mktemp("stores") / "store"
    shutil.copytree(tabular_store, store)
    for pack in (
        add_compiled_tiny,
        pack_embedder,
        pack_classifier,
        pack_reranker,
        pack_token_classifier,
        pack_zero_shot,
        pack_mask_filler,
        pack_colors,
        pack_looker,
    ):
        pack(store)
    with live_server(store, env={"DAYLIGHT_MAX_ROWS": "40"}) as url:
        yield url


CALLS = {
    "predict": lambda client: client.predict([[5.1, 3.5, 1.4, 0.2]], outputs=["predict", "predict_proba"]),
    "predict_csv": lambda client: client.predict(
        FRAME.head(3).to_csv(index=False).encode(), "iris", outputs="predict_proba", top_k=1
    ),
    "predict_frame": lambda client: client.predict_frame(FRAME, outputs=["predict", "predict_proba"]),
    "generate": lambda client: client.generate("abc", **GREEDY),
    "chat": lambda client: client.chat(MESSAGES, **GREEDY),
    "classify": lambda client: client.classify(["abc", "de"], "mood"),
    "embed": lambda client: client.embed(["abc", "de"], dimensions=4),
    "rerank": lambda client: client.rerank("abc", ["a", "b", "xyz"], top_n=2),
    "classify_tokens": lambda client: client.classify_tokens("Ada 12"),
    "classify_zero_shot": lambda client: client.classify_zero_shot("abc", ["a", "b"]),
    "fill_mask": lambda client: client.fill_mask("ab*"),
    "classify_images": lambda client: client.classify_images([picture("red"), picture("blue")], top_k=2),
    "run": lambda client: client.run(LOOKER),
    "models": lambda client: client.models(),
    "describe": lambda client: client.describe("iris", "1"),
    "default": lambda client: client.default("network"),
    "live": lambda client: client.live(),
    "ready": lambda client: client.ready(),
    "wait_until_ready": lambda client: client.wait_until_ready(5),
}
FAILING = {
    "no such model": lambda client: client.predict([[1]], "none"),
    "a wrong row": lambda client: client.predict_frame(FRAME.astype(object).replace(5.9, "x")),
    "a missing column": lambda client: client.predict_frame(FRAME.rename(columns=str.upper)),
    "a wrong parameter": lambda client: client.generate("abc", temperature=-1),
    "a wrong stream": lambda client: client.stream("abc", temperature=-1),
    "a wrong image": lambda client: client.classify_images(b"none"),
    "a wrong tensor": lambda client: client.run({"image": [1]}),
    "an infinity": lambda client: client.predict([[float("inf")]]),
    "no text": lambda client: client.generate(7),
    "no seconds": lambda client: client.embed("abc", timeout=-1),
}


def plain(value):
    """A value that can be compared: frames and arrays as what is in them; what an answer holds besides, too."""
    if hasattr(value, "to_dict"):
        return value.to_dict(), value.dtypes.to_dict(), value.attrs
    if isinstance(value, dict) and any(isinstance(each, np.ndarray) for each in value.values()):
        return {name: (each.dtype.str, each.tolist()) for name, each in value.items()}
    return value, type(value), getattr(value, "__dict__", None)


def run(url, call, **options):
    """What a call of AsyncClient gives, in a loop of its own."""

    async def once():
        async with AsyncClient(url, **options) as client:
            return await call(client)

    return asyncio.run(once())


@pytest.mark.parametrize("name", CALLS)
def test_both_clients_give_the_same_answers(url, name):
    with Client(url) as client:
        expected = CALLS[name](client)
    assert plain(run(url, CALLS[name])) == plain(expected)


def told(error):
    """What an error says, but for the id of its request."""
    if not isinstance(error, DaylightError):
        return str(error)
    return error.message, error.status, error.code, error.details, error.total


@pytest.mark.parametrize("name", FAILING)
def test_both_clients_raise_the_same_errors(url, name):
    with Client(url) as client, pytest.raises(Exception, match=".") as expected:
        FAILING[name](client)
    with pytest.raises(Exception, match=".") as caught:
        run(url, FAILING[name])
    assert type(caught.value) is type(expected.value)
    assert told(caught.value) == told(expected.value)
    assert issubclass(expected.type, (InvalidRequest, ValueError, TypeError))


async def streamed(stream):
    return [piece async for piece in stream], stream


@pytest.mark.parametrize("open_stream", ["stream", "chat"])
def test_a_stream_is_that_of_the_blocking_client(url, open_stream):
    def opened(client):
        return (
            client.stream("abc", **GREEDY) if open_stream == "stream" else client.chat(MESSAGES, stream=True, **GREEDY)
        )

    async def read(client):
        return await streamed(await opened(client))

    with Client(url) as client:
        expected = opened(client)
        pieces = list(expected)
    found, stream = run(url, read)
    assert (found, stream.text) == (pieces, expected.text)
    assert len(found) > 1
    assert (stream.finish_reason, stream.usage) == (expected.finish_reason, expected.usage)


def test_a_stream_may_be_closed_early(url):
    async def read(client):
        async with await client.stream("abc", max_tokens=120) as pieces:
            await pieces.__anext__()
        assert [piece async for piece in pieces] == []
        return await client.generate("abc", **GREEDY)

    with Client(url) as client:
        assert run(url, read) == client.generate("abc", **GREEDY)


def test_cancelled_tasks_leave_the_client_usable(url):
    async def cancel(client):
        tasks = [asyncio.create_task(client.generate("abc", max_tokens=length)) for length in (1, 120, 120, 120)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ended} <= {Completion, asyncio.CancelledError}
        return await client.generate("abc", **GREEDY)

    with Client(url) as client:
        assert run(url, cancel) == client.generate("abc", **GREEDY)


def test_hundred_calls_at_once(url):
    rows = FRAME.to_numpy().tolist()

    async def all_at_once(client):
        return await asyncio.gather(*(client.predict([row]) for row in rows[:100]))

    with Client(url) as client:
        expected = client.predict(rows[:100])
    assert [label for (label,) in run(url, all_at_once)] == expected
