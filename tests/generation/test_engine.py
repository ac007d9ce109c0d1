"""The engine on tiny models: whoever runs beside a row, and whenever they come and go, its tokens are its own."""

import random
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import torch

from service import models
from service.app import create_app
from service.errors import ModelNotReady, Overloaded, PredictionFailed
from service.generation.cost_model import StepCostModel
from service.generation.engine import Engine
from service.generation.kv_cache import HostSlots
from service.generation.params import SamplingParams
from service.generation.prefix_cache import PrefixCache, common_prefix
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
def wanted(tiny):
    """Of each prompt, what transformers' own `generate` continues with."""

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


# --- whose tokens are they


def test_alone_the_tokens_are_those_of_transformers(engine, wanted):
    assert [list(engine.generate(ids, GREEDY)) for ids in PROMPTS] == wanted


def test_sixteen_at_once_over_four_slots(engine, wanted):
    running = [engine.generate(ids, GREEDY) for ids in PROMPTS]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == wanted


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_joining_and_leaving(engine, wanted, seed):
    """Rows of every length come while others run, some are closed half way; the others never notice."""
    dice = random.Random(seed)
    order = dice.sample(range(len(PROMPTS)), len(PROMPTS))
    lengths = [dice.randint(1, 20) for _ in order]
    running = []
    for place, length in zip(order, lengths, strict=True):
        sequence = engine.generate(PROMPTS[place], SamplingParams(max_tokens=length, temperature=0))
        running.append(sequence)
        sequence.start()
        if dice.random() < 0.5:
            next(dice.choice(running), None)
        if dice.random() < 0.3:
            running[dice.randrange(len(running))].close()
    for place, length, sequence in zip(order, lengths, running, strict=True):
        rest = list(sequence)
        if not sequence.cancelled:
            given = wanted[place][:length]
            assert rest == given[len(given) - len(rest) :]
            assert sequence.ids[sequence.prompt_tokens :].tolist() == given


def test_a_seed_gives_the_same_tokens_whoever_runs_beside(engine):
    params = SamplingParams(max_tokens=20, temperature=1.5, top_p=0.95, seed=3)
    alone = list(engine.generate(PROMPTS[2], params))
    crowd = [engine.generate(ids, SamplingParams(max_tokens=60, temperature=1.0)) for ids in PROMPTS[3:6]]
    for sequence in crowd:
        sequence.start()
    assert list(engine.generate(PROMPTS[2], params)) == alone
    for sequence in crowd:
        sequence.close()


def test_an_end_token_is_the_last_unless_it_is_ignored(engine, wanted):
    tokens = wanted[0]
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
    for place, one in enumerate(sequence.logprobs):
        assert one.token == tokens[place] == one.top[0][0]
        assert one.logprob == pytest.approx(float(logits[place, one.token]), abs=1e-4)
        assert [token for token, _ in one.top] == logits[place].topk(2).indices.tolist()


# --- prefixes


@pytest.mark.parametrize("prefix_bytes", [0, 2**28], ids=["without", "with"])
def test_shared_beginnings_give_equal_tokens(runner, tiny, prefix_bytes):
    engine = Engine(runner, prefix_bytes=prefix_bytes)
    system = prompt(99, 50)
    for ending in ([], [1], [2, 3], [1, 4], [1]):
        ids = system + ending
        found = list(engine.generate(ids, GREEDY))
        fresh = list(Engine(runner, prefix_bytes=0).generate(ids, GREEDY))
        assert found == fresh
        follow_up = ids + found + [7]
        assert list(engine.generate(follow_up, GREEDY)) == list(
            Engine(runner, prefix_bytes=0).generate(follow_up, GREEDY)
        )
    assert bool(engine.load()["cached_prefixes"]) == bool(prefix_bytes)


class Counting:
    """A runner that counts the tokens of prompts it reads."""

    def __init__(self, runner):
        self.runner, self.slots, self.read = runner, runner.slots, 0

    def extend(self, slot, ids, held):
        self.read += len(ids)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        return self.runner.step(ids, held)


def test_a_beginning_that_is_known_is_not_read_again(runner):
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
    list(engine.generate(prompt(97, 30), GREEDY))  # the same prompt, which is still being written
    assert counting.read == 1
    engine.stop()  # another engine on the same slots would find them changed under its hands


def test_prefixes_keep_within_their_memory():
    prefixes = PrefixCache(100)
    ids = [np.array(one) for one in ([1, 2, 3], [1, 2, 3, 4], [9, 9], [5, 5, 5])]
    read = []
    for one in ids:
        prefixes.add(one, 40, lambda: read.append(1) or "kept")
    assert len(read) == 4
    assert prefixes.bytes == 80  # the first went into the second, which then went for want of use
    assert prefixes.find(np.array([1, 2, 3, 4])) == (0, None)
    assert prefixes.find(np.array([9, 9, 1])) == (2, "kept")
    prefixes.add(np.array([7, 7]), 40, lambda: "new")
    assert prefixes.find(np.array([9, 9])) == (2, "kept")  # used last
    assert prefixes.find(np.array([5, 5])) == (0, None)
    prefixes.add(np.array([9]), 40, lambda: pytest.fail("it is known already"))
    prefixes.add(np.array([6]), 101, lambda: pytest.fail("it is too large"))
    assert common_prefix(np.array([], int), np.array([1])) == 0


# --- bounds and cancelling


def test_closing_frees_the_slot_within_a_step(engine):
    running = [engine.generate(ids, SamplingParams(max_tokens=25, temperature=0)) for ids in PROMPTS[:6]]
    for sequence in running:
        sequence.start()
    for sequence in running:
        sequence.close()
        assert list(sequence) == []
    until(lambda: engine.load() | {"cached_prefixes": 0} == dict.fromkeys(engine.load(), 0))


def test_no_thread_is_left_when_there_is_no_work(engine):
    list(engine.generate([1], GREEDY))
    until(lambda: not [one for one in threading.enumerate() if one.name == "daylight-engine"])


def test_beyond_the_bound_of_waiting_texts_is_refused(runner):
    engine = Engine(Held(runner), max_waiting=2)
    running = [engine.generate([1], GREEDY) for _ in range(ROWS + 3)]
    for sequence in running[:-1]:
        sequence.start()
    until(lambda: engine.load()["running"] == 1)  # one is being read, and held
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


def test_beyond_the_bound_of_waiting_prompt_tokens_is_refused(runner):
    engine = Engine(Held(runner), max_waiting_tokens=40)
    started = [engine.generate([1] * length, GREEDY) for length in (30, 60, 10)]
    started[0].start()
    until(lambda: engine.load()["running"] == 1)
    started[1].start()  # longer than the bound, but nothing else waits
    with pytest.raises(Overloaded, match="1 wait, with 60 prompt tokens"):
        started[2].start()
    started[1].close()
    engine.generate([1] * 40, GREEDY).start()
    engine.runner.go.set()
    engine.stop()


class Held:
    """A runner that does not go on until it may."""

    def __init__(self, runner):
        self.runner, self.slots, self.go = runner, runner.slots, threading.Event()

    def extend(self, slot, ids, held):
        assert self.go.wait(10)
        return self.runner.extend(slot, ids, held)

    def step(self, ids, held):
        return self.runner.step(ids, held)


def test_rows_never_reserve_more_than_the_budget(runner, wanted):
    """Memory for 130 tokens: the rows of 120 and 100 cannot be written together, and none is ever put out again."""
    counting = Rows(runner)
    engine = Engine(counting, kv_bytes=130 * runner.slots.bytes_per_token)
    assert engine.capacity == min(130, CONTEXT_LENGTH)
    running = [engine.generate(PROMPTS[place], GREEDY) for place in (7, 12, 0, 1)]  # 120, 100, 25 and 21 tokens
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [wanted[place] for place in (7, 12, 0, 1)]
    assert counting.most == 2  # 100 and 25; 25 and 21


class Rows:
    """A runner that remembers how many rows it wrote at once."""

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
        if 13 in [int(one) for one in ids]:
            raise RuntimeError("thirteen")


def test_a_prompt_that_cannot_be_read_fails_alone(runner, wanted, caplog):
    engine = Engine(Failing(runner))
    neighbour = engine.generate(PROMPTS[1], GREEDY)
    first = next(neighbour)
    with pytest.raises(PredictionFailed):
        list(engine.generate([1, 13], GREEDY))
    assert [first, *neighbour] == wanted[1]
    assert caplog.text.count("RuntimeError: thirteen") == 2  # tried twice
    assert engine.failure is None


def test_a_row_that_cannot_be_written_fails_alone(runner, wanted):
    """The bias makes 13 the row's second token, so a step of several rows fails."""
    engine = Engine(Failing(runner))
    bad = engine.generate(PROMPTS[4], SamplingParams(20, 0, logit_bias={13: 100}))
    neighbours = [engine.generate(PROMPTS[place], GREEDY) for place in (0, 2)]
    for sequence in (neighbours[0], bad, neighbours[1]):
        sequence.start()
    with pytest.raises(PredictionFailed):
        list(bad)
    assert [list(sequence) for sequence in neighbours] == [wanted[0], wanted[2]]
    assert engine.failure is None


class Flaky(Failing):
    """A runner whose fifth call fails, once."""

    def fail(self, ids):
        self.calls += 1
        if self.calls == 5:
            raise RuntimeError("once")


def test_a_failure_that_does_not_come_again_is_not_noticed(runner, wanted):
    engine = Engine(Flaky(runner))
    running = [engine.generate(PROMPTS[place], GREEDY) for place in (0, 2, 5)]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [wanted[0], wanted[2], wanted[5]]


class Broken(Failing):
    def fail(self, ids):
        self.calls += 1
        if self.calls > 6:
            raise RuntimeError("for good")


def test_an_engine_that_fails_for_good_ends_every_row_and_takes_no_more(runner):
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


def test_a_token_that_cannot_be_drawn_ends_its_row_alone(runner, wanted, caplog):
    engine = Engine(runner)
    bad = engine.generate(PROMPTS[4], GREEDY, guide=Lost())
    neighbour = engine.generate(PROMPTS[0], GREEDY)
    for sequence in (bad, neighbour):
        sequence.start()
    with pytest.raises(PredictionFailed):
        list(bad)
    assert list(neighbour) == wanted[0]
    assert "KeyError: 'lost'" in caplog.text
    assert engine.failure is None


class Lost:
    """A guide that knows no way."""

    def masked(self, scores):
        raise KeyError("lost")


def test_a_worker_whose_engine_failed_says_that_it_is_not_ready(compiled):
    """The whole way: the failure, the answer of those who waited, the probe, whoever comes later."""
    app = create_app(Settings(store=compiled.folder.parents[1]))
    model = app.extensions["daylight"].predictor.find("tiny")
    client = app.test_client()
    assert client.get("/health/ready").status_code == 200
    model.engine.runner = Broken(model.engine.runner)
    ask = {"instances": ["abc"], "parameters": {"max_tokens": 20}}
    for _ in range(2):
        answer = client.post("/v1/models/tiny:predict", json=ask)
        assert (answer.status_code, answer.json["code"]) == (503, "model_not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert "the engine failed and serves no more" in ready.text
    assert client.get("/health/live").status_code == 200


# --- memory


def test_slots_give_their_memory_back():
    slots = HostSlots([(2, 16), (2, 16)], count=4, length=4096)
    slots.buffers[0][:] = 1
    slots.buffers[1][:] = 2
    slots.clear(1)
    assert slots.buffers[0][1].max() == slots.buffers[1][1].max() == 0
    assert slots.buffers[0][[0, 2, 3]].min() == 1
    assert slots.buffers[1][[0, 2, 3]].min() == 2


def test_slots_smaller_than_a_page_leave_their_neighbours_alone():
    slots = HostSlots([(1, 16)], count=8, length=7)
    slots.buffers[0][:] = 1
    for slot in (3, 0, 7):
        slots.clear(slot)
    assert slots.buffers[0][[1, 2, 4, 5, 6]].min() == 1


# --- how much of a prompt is read between two steps


def test_prompts_are_read_for_as_long_as_those_who_write_will_wait():
    costs = StepCostModel()
    one = {"decoding": 4, "joining": 1}
    assert costs.chunk_size(500, 0, **one) == costs.chunk_size(500, 9, decoding=0, joining=1) == 64
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.4, tokens=184)  # 2 ms each, and those of 16 more for the weights
    assert costs.chunk_size(500, 0, decoding=0, joining=1) == 109  # a quarter of a second, after which one may cancel
    assert costs.chunk_size(500, 0, **one) == 21
    assert costs.chunk_size(500, 0.005, **one) == 19
    assert costs.chunk_size(500, 0.015, **one) == 0  # 14 more would take as long as 16
    assert costs.chunk_size(9, 0.015, **one) == 9  # unless there are no more
    assert costs.chunk_size(500, 9, **one) == 0
    for _ in range(40):
        costs.record_prefill(1.16, tokens=100)  # 10 ms each: 16 take longer than they should, but nobody waits for ever
    assert costs.chunk_size(500, 0, **one) == 16


def test_the_time_is_divided_between_those_who_write_and_those_who_join():
    costs = StepCostModel()
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.2, tokens=184)  # 1 ms each
    assert [costs.chunk_size(500, 0, decoding=16, joining=joining) for joining in (1, 5, 9)] == [59, 77, 96]
    assert costs.chunk_size(500, 0, decoding=1, joining=7) == 234  # a quarter of a second, then somebody may cancel
    assert costs.chunk_size(500, 0.25, decoding=1, joining=7) == 234
    assert costs.chunk_size(500, 0.5, decoding=1, joining=7) == 0


def test_the_fewer_who_write_wait_a_quarter_of_a_second_for_the_many():
    """Of 16 texts that came together, the first once wrote eight tokens by itself before the last was read."""
    costs = StepCostModel()
    costs.record_step(0.02, rows=8)
    costs.record_prefill(0.2, tokens=184)  # 1 ms each
    assert [costs.chunk_size(100, 0.1, decoding=8, joining=joining) for joining in (1, 7, 8)] == [0, 0, 100]
    assert costs.chunk_size(100, 0.25, decoding=8, joining=8) == 0


def test_a_step_takes_as_long_as_one_of_so_many_rows_did():
    costs = StepCostModel()
    assert costs.step_seconds(4) == 0
    costs.record_step(0.02, rows=1)
    costs.record_step(0.05, rows=16)
    assert [costs.step_seconds(rows) for rows in (0, 1, 8, 9, 16, 40)] == [0.02, 0.02, 0.02, 0.05, 0.05, 0.05]


def test_whoever_writes_waits_a_second_at_most_for_however_many():
    costs = StepCostModel()
    costs.record_step(0.2, rows=1)
    costs.record_prefill(2.0, tokens=184)  # 10 ms each
    assert [costs.chunk_size(500, spent, decoding=1, joining=15) for spent in (0, 0.3, 0.6, 0.9)] == [16, 16, 16, 0]
    costs.record_step(1.0, rows=2)  # as long as that anyway
    assert costs.chunk_size(500, 0, decoding=2, joining=14) == 134


def test_no_crumb_of_a_prompt_is_left_for_a_chunk_of_its_own():
    """Prompts of 18 tokens were read in chunks of 16 and 2, of which the second took as long as the first."""
    costs = StepCostModel()
    costs.record_step(0.05, rows=4)
    costs.record_prefill(0.4, tokens=184)
    assert [costs.chunk_size(left, 0, decoding=4, joining=1) for left in (18, 21, 36, 37)] == [18, 21, 36, 21]


class Timed:
    """A runner that keeps what was read and written, in order: tokens of a prompt, or 0 for a step.

    It is a clock, too: a step takes 10 ms and a token of a prompt one, on whatever machine.
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


def test_between_two_steps_no_more_is_read_than_once_or_twice(runner, monkeypatch):
    """Read beside others, a prompt took a second chunk whenever the first had ended a moment early."""
    timed = Timed(runner)
    monkeypatch.setattr("service.generation.engine.perf_counter", lambda: timed.now)
    engine = Engine(timed, prefix_bytes=0)
    decoding = engine.generate([1], SamplingParams(max_tokens=100, temperature=0))
    next(decoding)
    list(engine.generate(prompt(50, 100), SamplingParams(max_tokens=1, temperature=0)))  # now the pace is known
    timed.calls.clear()
    assert len(list(engine.generate(prompt(51, 90), SamplingParams(max_tokens=1, temperature=0)))) == 1
    list(decoding)
    text = "".join("s" if not size else "r" for size in timed.calls)
    engine.stop()
    assert sum(timed.calls) == 90
    assert "rrr" not in text


def test_a_row_that_is_cancelled_while_prompts_are_read_leaves_between_two_of_them(runner, monkeypatch):
    timed = Timed(runner)
    monkeypatch.setattr("service.generation.engine.perf_counter", lambda: timed.now)
    engine = Engine(timed, prefix_bytes=0)
    decoding = engine.generate([1], SamplingParams(max_tokens=engine.capacity - 1, temperature=0, ignore_eos=True))
    next(decoding)
    list(engine.generate(prompt(50, 20), SamplingParams(max_tokens=1, temperature=0)))  # now the pace is known
    running, extend = [], timed.extend

    def closing(slot, ids, held):
        if engine.load()["waiting"] or running:  # several join
            decoding.close()
            running.append(engine.load()["running"])
        return extend(slot, ids, held)

    timed.extend = closing
    joining = [engine.generate(prompt(60 + number, 20), SamplingParams(max_tokens=1)) for number in range(4)]
    for one in joining:
        one.start()
    assert [len(list(one)) for one in joining] == [1, 1, 1, 1]
    engine.stop()
    assert running[0] == 2  # the cancelled row and the one that joins
    assert set(running[1:]) == {1}
