"""Runners, samplers and guides that raise: who ends by it, and who does not."""

from contextlib import suppress

import pytest

from service.app import create_app
from service.errors import ModelNotReady, PredictionFailed
from service.generation.engine import Engine
from service.generation.params import SamplingParams
from service.settings import Settings
from tests.support.batch_engine import GREEDY, PROMPTS


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
    # A text that ends by itself may be done before the runner breaks.
    ask = {"instances": ["abc"], "parameters": {"max_tokens": 20, "ignore_eos": True}}
    for _ in range(2):
        answer = client.post("/v1/models/tiny:predict", json=ask)
        assert (answer.status_code, answer.json["code"]) == (503, "model_not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert "the engine failed and serves no more" in ready.text
    assert client.get("/health/live").status_code == 200
