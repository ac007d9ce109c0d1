"""What the engine does between two steps: who gets a slot and who waits, what is read of a prompt, and when."""

import threading
from dataclasses import astuple

import pytest

from service.errors import ModelNotReady, Overloaded
from service.generation.engine import Engine
from service.generation.params import SamplingParams
from tests.support.batch_engine import GREEDY, PROMPTS, ROWS, prompt, until
from tests.support.tiny_text import CONTEXT_LENGTH

# --- prefixes


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
