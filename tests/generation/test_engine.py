"""The engine on tiny models: a sequence has the same tokens in any batch, whenever others join and leave it."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import astuple

import numpy as np
import pytest
import torch

from service import models
from service.app import create_app
from service.errors import ModelNotReady, Overloaded, PredictionFailed
from service.generation.engine import Engine
from service.generation.params import SamplingParams
from service.generation.serial_runner import SerialRunner
from service.generation.torch_runner import TorchRunner
from service.settings import Settings
from tests.support.tiny_text import CONTEXT_LENGTH, byte_tokenizer, network, pack_tiny

ROWS = 4
GREEDY = SamplingParams(max_tokens=20, temperature=0)


@pytest.fixture(scope="module")
def tiny():
    return network(byte_tokenizer())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The tiny model as it is served: a graph, proven when it was packed."""
    packed = pack_tiny(tmp_path_factory.mktemp("store"), runtime="auto")
    assert packed.manifest.spec["runtime"]["name"] == "onnx"
    return packed


@pytest.fixture(scope="module", params=["graph", "torch", "serial"])
def runner(request, tiny):
    if request.param != "graph":
        kind = TorchRunner if request.param == "torch" else SerialRunner
        return kind(tiny, rows=ROWS, length=CONTEXT_LENGTH)
    version = request.getfixturevalue("compiled")
    return models.load(version, Settings(workers=1, slots=ROWS)).engine.runner


@pytest.fixture
def engine(runner):
    engine = Engine(runner)
    yield engine
    engine.stop()


def prompt(seed, length):
    return np.random.default_rng(seed).integers(0, 256, length).tolist()


PROMPTS = [
    prompt(seed, length) for seed, length in enumerate([5, 1, 17, 60, 33, 2, 9, 100, 12, 40, 7, 3, 80, 21, 6, 11])
]


@pytest.fixture(scope="module")
def expected(tiny):
    """The continuation of each prompt by `generate` of transformers."""

    def continued(ids):
        with torch.inference_mode():
            return tiny.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=20, do_sample=False
            )[0, len(ids) :].tolist()

    return [continued(ids) for ids in PROMPTS]


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.001)


# --- tokens


def test_a_single_sequence_has_the_tokens_of_transformers(engine, expected):
    assert [list(engine.generate(ids, GREEDY)) for ids in PROMPTS] == expected


def test_sixteen_sequences_over_four_slots(engine, expected):
    running = [engine.generate(ids, GREEDY) for ids in PROMPTS]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == expected


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_joining_and_leaving(engine, expected, seed):
    """Sequences of every length join while others run, and some are closed early."""
    generator = random.Random(seed)
    order = generator.sample(range(len(PROMPTS)), len(PROMPTS))
    lengths = [generator.randint(1, 20) for _ in order]
    running = []
    for place, length in zip(order, lengths, strict=True):
        sequence = engine.generate(PROMPTS[place], SamplingParams(max_tokens=length, temperature=0))
        running.append(sequence)
        sequence.start()
        if generator.random() < 0.5:
            next(generator.choice(running), None)
        if generator.random() < 0.3:
            running[generator.randrange(len(running))].close()
    for place, length, sequence in zip(order, lengths, running, strict=True):
        rest = list(sequence)
        if not sequence.cancelled:
            all_tokens = expected[place][:length]
            assert rest == all_tokens[len(all_tokens) - len(rest) :]
            assert sequence.ids[sequence.prompt_tokens :].tolist() == all_tokens


def test_a_seed_gives_the_same_tokens_in_any_batch(engine):
    params = SamplingParams(max_tokens=20, temperature=1.5, top_p=0.95, seed=3)
    alone = list(engine.generate(PROMPTS[2], params))
    crowd = [engine.generate(ids, SamplingParams(max_tokens=60, temperature=1.0)) for ids in PROMPTS[3:6]]
    for sequence in crowd:
        sequence.start()
    assert list(engine.generate(PROMPTS[2], params)) == alone
    for sequence in crowd:
        sequence.close()


def test_an_end_token_is_the_last_unless_it_is_ignored(engine, expected):
    tokens = expected[0]
    end = tokens[10]
    until_end = tokens[: tokens.index(end) + 1]
    assert list(engine.generate(PROMPTS[0], GREEDY, {end})) == until_end
    assert list(engine.generate(PROMPTS[0], SamplingParams(20, 0, stop_token_ids=(end,)))) == until_end
    assert list(engine.generate(PROMPTS[0], SamplingParams(20, 0, ignore_eos=True), {end})) == tokens


def test_logprobs_come_with_the_tokens(engine, tiny):
    sequence = engine.generate(PROMPTS[0], SamplingParams(max_tokens=3, temperature=0, logprobs=2))
    tokens = list(sequence)
    with torch.inference_mode():
        logits = tiny(torch.tensor([PROMPTS[0] + tokens])).logits[0, len(PROMPTS[0]) - 1 : -1].log_softmax(-1)
    for place, each in enumerate(sequence.logprobs):
        assert each.token == tokens[place] == each.top[0][0]
        assert each.logprob == pytest.approx(float(logits[place, each.token]), abs=1e-4)
        assert [token for token, _ in each.top] == logits[place].topk(2).indices.tolist()


# --- prefixes


@pytest.mark.parametrize("prefix_bytes", [0, 2**28], ids=["without", "with"])
def test_reused_prefixes_give_equal_tokens(runner, tiny, prefix_bytes):
    engine = Engine(runner, prefix_bytes=prefix_bytes)
    system = prompt(99, 50)
    for ending in ([], [1], [2, 3], [1, 4], [1]):
        ids = system + ending
        tokens = list(engine.generate(ids, GREEDY))
        fresh = list(Engine(runner, prefix_bytes=0).generate(ids, GREEDY))
        assert tokens == fresh
        follow_up = ids + tokens + [7]
        assert list(engine.generate(follow_up, GREEDY)) == list(
            Engine(runner, prefix_bytes=0).generate(follow_up, GREEDY)
        )
    assert bool(engine.load().cached_prefixes) == bool(prefix_bytes)


class Counting:
    """A runner that counts the prefilled tokens."""

    def __init__(self, runner):
        self.runner, self.slots, self.read = runner, runner.slots, 0

    def extend(self, slot, ids, held):
        self.read += len(ids)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        return self.runner.step(ids, held)


def test_a_known_prefix_is_not_prefilled_again(runner):
    counting = Counting(runner)
    engine = Engine(counting)
    system = prompt(98, 40)
    list(engine.generate([*system, 1], GREEDY))
    assert counting.read == 41
    list(engine.generate([*system, 2], GREEDY))
    assert counting.read == 42
    running = engine.generate(prompt(97, 30), SamplingParams(max_tokens=90, temperature=0))
    next(running)
    counting.read = 0
    list(engine.generate(prompt(97, 30), GREEDY))  # the same prompt, while the other sequence runs
    assert counting.read == 1
    engine.stop()  # the next test's engine uses the same slots


# --- bounds and cancelling


def test_close_frees_the_slot_within_a_step(engine):
    running = [engine.generate(ids, SamplingParams(max_tokens=25, temperature=0)) for ids in PROMPTS[:6]]
    for sequence in running:
        sequence.start()
    for sequence in running:
        sequence.close()
        assert list(sequence) == []
    until(lambda: astuple(engine.load())[:5] == (0,) * 5)


def test_no_thread_is_left_when_there_is_no_work(engine):
    list(engine.generate([1], GREEDY))
    until(lambda: not [each for each in threading.enumerate() if each.name == "daylight-engine"])


def test_submit_refuses_beyond_the_bound_of_sequences(runner):
    engine = Engine(Paused(runner), max_waiting=2)
    running = [engine.generate([1], GREEDY) for _ in range(ROWS + 3)]
    for sequence in running[:-1]:
        sequence.start()
    until(lambda: engine.load().running == 1)  # its prefill waits
    with pytest.raises(Overloaded, match=f"1 completions are running and {ROWS + 1} wait") as caught:
        running[-1].start()
    assert 1 <= caught.value.retry_after <= 60
    running[-2].close()  # one that waits
    engine.generate([1], GREEDY).start()
    engine.runner.go.set()
    engine.stop()
    with pytest.raises(ModelNotReady):
        engine.generate([1], GREEDY).start()
    assert [list(sequence) for sequence in running[1:-1]] == [[]] * (ROWS + 1)


def test_submit_refuses_beyond_the_bound_of_prompt_tokens(runner):
    engine = Engine(Paused(runner), max_waiting_tokens=40)
    started = [engine.generate([1] * length, GREEDY) for length in (30, 60, 10)]
    started[0].start()
    until(lambda: engine.load().running == 1)
    started[1].start()  # longer than the bound, but nothing else waits
    with pytest.raises(Overloaded, match="1 wait, with 60 prompt tokens"):
        started[2].start()
    started[1].close()
    engine.generate([1] * 40, GREEDY).start()
    engine.runner.go.set()
    engine.stop()


class Paused:
    """A runner whose prefill waits for the event `go`."""

    def __init__(self, runner):
        self.runner, self.slots, self.go = runner, runner.slots, threading.Event()

    def extend(self, slot, ids, held):
        assert self.go.wait(10)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        return self.runner.step(ids, held)


def test_rows_never_reserve_more_than_the_budget(runner, expected):
    """Memory for 130 tokens: the rows of 120 and 100 cannot run together, and no running row is evicted."""
    counting = CountingRows(runner)
    engine = Engine(counting, kv_bytes=130 * runner.slots.bytes_per_token)
    assert engine.capacity == min(130, CONTEXT_LENGTH)
    running = [engine.generate(PROMPTS[place], GREEDY) for place in (7, 12, 0, 1)]  # 120, 100, 25 and 21 tokens
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [expected[place] for place in (7, 12, 0, 1)]
    assert counting.most == 2  # 100 and 25; 25 and 21


class CountingRows:
    """A runner that records the largest number of rows of a step."""

    def __init__(self, runner):
        self.runner, self.slots, self.most = runner, runner.slots, 0
        self.extend = runner.extend

    def step(self, ids, held):
        self.most = max(self.most, len(ids))
        return self.runner.step(ids, held)


# --- failures


class Failing:
    """A runner that raises as long as a row holds the token 13."""

    def __init__(self, runner):
        self.runner, self.slots, self.calls = runner, runner.slots, 0

    def extend(self, slot, ids, held):
        self.fail(ids)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        self.fail(ids)
        return self.runner.step(ids, held)

    def fail(self, ids):
        self.calls += 1
        if 13 in [int(each) for each in ids]:
            raise RuntimeError("thirteen")


def test_a_failing_prefill_ends_its_row_alone(runner, expected, caplog):
    engine = Engine(Failing(runner))
    neighbor = engine.generate(PROMPTS[1], GREEDY)
    first = next(neighbor)
    with pytest.raises(PredictionFailed):
        list(engine.generate([1, 13], GREEDY))
    assert [first, *neighbor] == expected[1]
    assert caplog.text.count("RuntimeError: thirteen") == 2  # tried twice
    assert engine.failure is None


def test_a_failing_decode_step_ends_its_row_alone(runner, expected):
    """The bias makes 13 the row's second token, so a step of several rows fails."""
    engine = Engine(Failing(runner))
    bad = engine.generate(PROMPTS[4], SamplingParams(20, 0, logit_bias={13: 100}))
    neighbors = [engine.generate(PROMPTS[place], GREEDY) for place in (0, 2)]
    for sequence in (neighbors[0], bad, neighbors[1]):
        sequence.start()
    with pytest.raises(PredictionFailed):
        list(bad)
    assert [list(sequence) for sequence in neighbors] == [expected[0], expected[2]]
    assert engine.failure is None


class Flaky(Failing):
    """A runner whose fifth call fails, once."""

    def fail(self, ids):
        self.calls += 1
        if self.calls == 5:
            raise RuntimeError("once")


def test_a_failure_that_does_not_repeat_ends_no_row(runner, expected):
    engine = Engine(Flaky(runner))
    running = [engine.generate(PROMPTS[place], GREEDY) for place in (0, 2, 5)]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [expected[0], expected[2], expected[5]]


class Broken(Failing):
    def fail(self, ids):
        self.calls += 1
        if self.calls > 6:
            raise RuntimeError("for good")


def test_an_engine_that_fails_for_good_ends_every_row(runner):
    engine = Engine(Broken(runner))
    running = [engine.generate(ids, GREEDY) for ids in PROMPTS]
    for sequence in running:
        with suppress(ModelNotReady):  # it may have failed already
            sequence.start()
    for sequence in running:
        with pytest.raises(ModelNotReady):
            list(sequence)
    assert "serves no more" in engine.failure
    with pytest.raises(ModelNotReady):
        engine.generate([1], GREEDY).start()


def test_a_failing_sampler_ends_its_row_alone(runner, expected, caplog):
    engine = Engine(runner, guides=lambda grammar: FailingGuide())
    bad = engine.generate(PROMPTS[4], GREEDY, grammar="digits")
    neighbor = engine.generate(PROMPTS[0], GREEDY)
    for sequence in (bad, neighbor):
        sequence.start()
    with pytest.raises(PredictionFailed):
        list(bad)
    assert list(neighbor) == expected[0]
    assert "KeyError: 'lost'" in caplog.text
    assert engine.failure is None


class FailingGuide:
    """A guide with a bug."""

    def masked(self, scores):
        raise KeyError("lost")


def test_a_worker_with_a_failed_engine_is_not_ready(compiled):
    """Through the application: the request that fails, the request after it, and the readiness probe."""
    app = create_app(Settings(store=compiled.folder.parents[1]))
    model = app.extensions["daylight"].predictor.find("tiny")
    client = app.test_client()
    assert client.get("/health/ready").status_code == 200
    model.engine.calls.runner = Broken(model.engine.runner)
    ask = {"instances": ["abc"], "parameters": {"max_tokens": 20}}
    for _ in range(2):
        answer = client.post("/v1/models/tiny:predict", json=ask)
        assert (answer.status_code, answer.json["code"]) == (503, "model_not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert "the engine failed and serves no more" in ready.text
    assert client.get("/health/live").status_code == 200


# --- prefill between decode steps


class Timed:
    """A runner that records its calls in order: the tokens of each prefill, and 0 for a step.

    It is the clock as well: a step takes 10 ms and a token of a prompt 1 ms, on any machine.
    """

    def __init__(self, runner):
        self.runner, self.slots, self.calls, self.now = runner, runner.slots, [], 0.0

    def extend(self, slot, ids, held):
        self.calls.append(len(ids))
        self.now += 0.001 * len(ids)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        self.calls.append(0)
        self.now += 0.010
        return self.runner.step(ids, held)


def test_at_most_two_chunks_are_prefilled_between_steps(runner, monkeypatch):
    """Regression: a prompt took a second chunk whenever the first had ended a moment early."""
    timed = Timed(runner)
    monkeypatch.setattr("service.generation.engine.perf_counter", lambda: timed.now)
    engine = Engine(timed, prefix_bytes=0)
    decoding = engine.generate([1], SamplingParams(max_tokens=100, temperature=0))
    next(decoding)
    list(engine.generate(prompt(50, 100), SamplingParams(max_tokens=1, temperature=0)))  # now its costs are measured
    timed.calls.clear()
    assert len(list(engine.generate(prompt(51, 90), SamplingParams(max_tokens=1, temperature=0)))) == 1
    list(decoding)
    text = "".join("s" if not size else "r" for size in timed.calls)
    engine.stop()
    assert sum(timed.calls) == 90
    assert "rrr" not in text


def test_a_cancelled_row_leaves_between_two_prompts(runner, monkeypatch):
    timed = Timed(runner)
    monkeypatch.setattr("service.generation.engine.perf_counter", lambda: timed.now)
    engine = Engine(timed, prefix_bytes=0)
    decoding = engine.generate([1], SamplingParams(max_tokens=engine.capacity - 1, temperature=0, ignore_eos=True))
    next(decoding)
    list(engine.generate(prompt(50, 20), SamplingParams(max_tokens=1, temperature=0)))  # now its costs are measured
    running, extend = [], timed.extend

    def closing(slot, ids, held):
        if engine.load().waiting or running:  # several join
            decoding.close()
            running.append(engine.load().running)
        return extend(slot, ids, held)

    timed.extend = closing
    joining = [engine.generate(prompt(60 + number, 20), SamplingParams(max_tokens=1)) for number in range(4)]
    for each in joining:
        each.start()
    assert [len(list(each)) for each in joining] == [1, 1, 1, 1]
    engine.stop()
    assert running[0] == 2  # the cancelled row and the one that joins
    assert set(running[1:]) == {1}
