"""A worker's client and the engine's host, over a real unix socket, in one process."""

import socket
import time
from dataclasses import astuple

import pytest

from benchmarks.support.serving import eventually
from service import models
from service.errors import InvalidParameters, ModelNotReady, Overloaded, StartupError
from service.generation.params import SamplingParams
from service.models.engine.client import EngineClient
from service.models.engine.journal import Journals
from service.models.engine.protocol import PROTOCOL, frames, send
from service.models.engine.remote import RemoteEngine
from service.settings import Settings
from service.store.versions import Store
from tests.support.engine_process import EngineProcess
from tests.support.tiny_text import pack_tiny

GREEDY = SamplingParams(max_tokens=12, temperature=0)
PROMPT = [10, 20, 30]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    pack_tiny(folder)
    return Store(folder)


@pytest.fixture
def start(tmp_path, store):
    started = []

    def start_one(**settings):
        settings = {"slots": 2, "max_waiting": 2, **settings}
        started.append(EngineProcess(tmp_path / "socket", store, Journals(tmp_path, blame=False), **settings))
        return started[-1]

    yield start_one
    for process in started:
        process.end()


@pytest.fixture
def process(start):
    return start()


@pytest.fixture
def engine(process, tmp_path):
    return EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)


@pytest.fixture
def local(store):
    return models.load(store.open("tiny"), Settings(store=store.root, workers=1)).engine


def slowly(process, seconds=0.05):
    """Let each step of the running engine take so long."""
    (engine,) = process.host.engines()
    engine.calls.runner = Slow(engine.runner, seconds)


class Slow:
    def __init__(self, runner, seconds):
        self.runner, self.slots, self.seconds = runner, runner.slots, seconds

    def extend(self, *arguments):
        return self.runner.extend(*arguments)

    def step(self, *arguments):
        time.sleep(self.seconds)
        return self.runner.step(*arguments)


@pytest.mark.parametrize(
    "params",
    [
        GREEDY,
        SamplingParams(max_tokens=12, temperature=1.0, seed=7, top_p=0.9, logprobs=3),
        SamplingParams(max_tokens=12, temperature=0.8, seed=2**63, logit_bias={11: 4.5, 12: -100.0}, top_k=5),
        SamplingParams(max_tokens=40, temperature=1.0, seed=1, stop_token_ids=(97, 98), repetition_penalty=1.3),
    ],
    ids=["greedy", "logprobs", "bias", "end ids"],
)
def test_tokens_and_logprobs_are_those_of_an_engine_in_this_process(engine, local, params):
    remote, expected = (each.generate(PROMPT, params, eos_ids=[2]) for each in (engine, local))
    assert list(remote) == list(expected)
    assert remote.logprobs == expected.logprobs
    assert engine.capacity == local.capacity


def test_a_grammar_is_followed_and_a_wrong_one_refused(engine, store, local):
    model = models.load(store.open("tiny"), Settings(store=store.root, workers=1))
    grammar = model._constraints.grammar({"type": "regex", "pattern": "[ab]{5}"})
    params = SamplingParams(max_tokens=9, temperature=1.0, seed=3)
    tokens = list(engine.generate(PROMPT, params, model.eos_ids, grammar))
    assert tokens == list(local.generate(PROMPT, params, model.eos_ids, grammar))
    assert set(model.tokenizer.decode(tokens[:5])) <= set("ab")
    with pytest.raises(InvalidParameters, match="cannot be held to this form"):
        engine.generate(PROMPT, params, model.eos_ids, "start: (").start()


def test_all_workers_share_what_one_has_loaded(process, tmp_path, engine):
    other = EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)
    assert not other.proven
    other.proven = True
    eventually(lambda: process.host.engines()[0].proven, what="the news")
    third = EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)
    assert third.proven
    assert len(process.host.engines()) == 1
    assert list(other.generate(PROMPT, GREEDY)) == list(engine.generate(PROMPT, GREEDY))


def test_a_version_that_cannot_be_loaded_says_why(process, tmp_path, engine):
    with pytest.raises(StartupError, match="tiny has no version 7; it has"):
        EngineClient(str(tmp_path / "socket")).open("tiny", "7", RemoteEngine)
    assert list(engine.generate(PROMPT, GREEDY))


def test_beyond_its_places_the_engine_refuses_with_a_time(process, engine):
    slowly(process)
    long = SamplingParams(max_tokens=100, temperature=0)
    running = [engine.generate(PROMPT, long) for _ in range(4)]
    for sequence in running:
        sequence.start()
    with pytest.raises(Overloaded) as caught:
        engine.generate(PROMPT, long).start()
    assert caught.value.retry_after >= 1
    for sequence in running:
        sequence.close()
    eventually(lambda: not any(astuple(process.host.engines()[0].load())[:2]))  # running, waiting
    assert len(list(engine.generate(PROMPT, GREEDY))) == 12


def test_what_is_closed_leaves_the_batch(process, engine):
    slowly(process)
    sequence = engine.generate(PROMPT, SamplingParams(max_tokens=100, temperature=0))
    next(sequence)
    sequence.close()
    eventually(lambda: not process.host.engines()[0].load().running, seconds=2, what="the row's end")
    assert list(sequence) == []


def test_the_sequences_of_a_worker_that_is_gone_leave_the_batch(process, engine):
    slowly(process)
    sequence = engine.generate(PROMPT, SamplingParams(max_tokens=100, temperature=0))
    next(sequence)
    process.accepted[0].shutdown(socket.SHUT_RDWR)
    eventually(lambda: not process.host.engines()[0].load().running, seconds=2, what="the row's end")
    with pytest.raises(ModelNotReady):
        list(sequence)


def test_a_lost_engine_ends_what_runs_and_its_successor_serves_again(start, tmp_path):
    first = start()
    engine = EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)
    expected = list(engine.generate(PROMPT, GREEDY))
    slowly(first)
    sequence = engine.generate(PROMPT, SamplingParams(max_tokens=100, temperature=0))
    next(sequence)
    first.end()
    with pytest.raises(ModelNotReady) as caught:
        list(sequence)
    assert caught.value.retry_after
    assert "started again" in engine.failure
    with pytest.raises(ModelNotReady):
        engine.generate(PROMPT, GREEDY).start()
    start()
    eventually(lambda: engine.failure is None, what="another connection")
    assert list(engine.generate(PROMPT, GREEDY)) == expected


def test_stop_ends_the_sequences_of_this_worker_alone(process, tmp_path, engine):
    slowly(process)
    other = EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)
    long = SamplingParams(max_tokens=60, temperature=0)
    mine, theirs = engine.generate(PROMPT, long), other.generate(PROMPT, long)
    for sequence in (mine, theirs):
        next(sequence)
    engine.stop()
    assert list(mine) == []
    assert mine.cancelled
    assert len(list(theirs)) == 59
    with pytest.raises(ModelNotReady, match="stopping"):
        engine.generate(PROMPT, GREEDY).start()


def test_a_version_goes_with_its_last_model_and_stays_for_a_worker_that_is_replaced(process, tmp_path):
    path = str(tmp_path / "socket")
    engine = EngineClient(path).open("tiny", "1", RemoteEngine)
    del engine  # a model that was replaced by another version, and whose last request has ended
    eventually(lambda: not process.host.engines(), seconds=2, what="its release")
    engine = EngineClient(path).open("tiny", "1", RemoteEngine)
    loaded, connections = process.host.engines(), len(process.accepted)
    process.accepted[-1].shutdown(socket.SHUT_RDWR)  # a worker that has ended; here it connects again
    eventually(lambda: len(process.accepted) > connections and engine.failure is None, what="another connection")
    process.host.release_idle()
    assert process.host.engines() == loaded


@pytest.mark.parametrize("hello", [{"protocol": PROTOCOL + 1}, {"do": "open"}, [1]])
def test_another_protocol_is_refused(process, tmp_path, hello, caplog):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(tmp_path / "socket"))
        send(sock, hello)
        assert list(frames(sock)) == []
    assert "the connection of a worker is closed" in caplog.text


def test_without_an_engine_process_a_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("service.models.engine.client.CONNECT_SECONDS", 0.2)
    with pytest.raises(StartupError, match="does not listen"):
        EngineClient(str(tmp_path / "socket")).open("tiny", "1", RemoteEngine)
