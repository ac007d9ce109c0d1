"""The engine of an encoder: batches, order, bounds, and what happens when a text, or the runner, fails."""

import threading
from time import perf_counter

import numpy as np
import pytest

from benchmarks.support.serving import eventually
from service.errors import DeadlineExceeded, ModelNotReady, Overloaded, PayloadTooLarge, PredictionFailed
from service.generation.encoders.asker import asked_by
from service.generation.encoders.engine import EncoderEngine
from service.generation.encoders.work import Job, Row
from service.generation.suspects import Suspects, prompt_digest


class Sums:
    """Gives a text the sum of its ids, and their count; it waits while `gate` is closed, and fails for the id 13."""

    width = 2

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()
        self.broken = False

    def run(self, rows):
        self.batches.append([len(row.ids) for row in rows])
        assert self.gate.wait(30)
        if self.broken or any(13 in row.ids for row in rows):
            raise ValueError("unlucky")
        return [np.array([row.ids.sum(), len(row.ids)], np.float32) for row in rows]


def row(*ids):
    return Row(np.array(ids, np.int32))


@pytest.fixture
def runner():
    return Sums()


@pytest.fixture
def engine(runner):
    made = EncoderEngine(runner, capacity=100)
    yield made
    runner.gate.set()
    made.stop()


def submitted(engine, *rows, deadline=None):
    ended = threading.Event()
    job = Job(rows, deadline, lambda _: ended.set())
    engine.submit(job)
    return job, ended


def held(engine, runner):
    """The engine with a batch that runs until the gate opens."""
    runner.gate.clear()
    job = submitted(engine, row(1))
    eventually(lambda: runner.batches, what="a batch")
    return job


def test_rows_keep_their_order(engine):
    rows = [row(1, 2, 3), row(4), row(5, 6), row(7)]
    assert engine.encode(rows).tolist() == [[6, 3], [4, 1], [11, 2], [7, 1]]
    assert engine.encode([row(9)]).dtype == np.float32


def test_the_rows_of_a_client_that_hangs_up_are_never_run(engine, runner):
    held(engine, runner)
    with asked_by(lambda: True), pytest.raises(DeadlineExceeded, match="hung up"):
        engine.encode([row(2, 2), row(3)])
    job, ended = submitted(engine, row(4, 4, 4))
    runner.gate.set()
    assert ended.wait(30)
    assert job.results[0].tolist() == [12, 3]
    assert runner.batches == [[1], [3]]
    with asked_by(lambda: False):
        assert engine.encode([row(5)]).tolist() == [[5, 1]]


def test_what_waits_runs_together_as_soon_as_the_runner_is_free(engine, runner):
    held(engine, runner)
    jobs = [submitted(engine, row(2, 2), row(3, 3)) for _ in range(3)]
    runner.gate.set()
    assert all(ended.wait(30) for _, ended in jobs)
    assert runner.batches == [[1], [2] * 6]


def test_a_text_that_fails_fails_alone(engine, runner):
    held(engine, runner)
    sound, bad = submitted(engine, row(2), row(3)), submitted(engine, row(13))
    runner.gate.set()
    assert sound[1].wait(30)
    assert bad[1].wait(30)
    assert sound[0].error is None
    assert [result.tolist() for result in sound[0].results] == [[2, 1], [3, 1]]
    assert isinstance(bad[0].error, PredictionFailed)
    assert engine.failure is None


def test_a_runner_that_fails_for_every_text_ends_the_engine(engine, runner):
    runner.broken = True
    with pytest.raises(ModelNotReady):
        engine.encode([row(1), row(2)])
    assert "failed and serves no more" in engine.failure
    with pytest.raises(ModelNotReady):
        engine.encode([row(1)])


def test_numbers_that_are_none_are_a_failure(engine, runner):
    runner.run = lambda rows: [np.full(2, np.nan if 5 in row.ids else 1, np.float32) for row in rows]
    with pytest.raises(PredictionFailed):
        engine.encode([row(1, 5)])
    assert engine.encode([row(1)]).tolist() == [[1, 1]]


def test_the_queue_is_bounded_in_tokens(engine, runner):
    with pytest.raises(PayloadTooLarge, match="101 tokens together; a request may have 100"):
        engine.encode([row(*[1] * 101)])
    held(engine, runner)
    submitted(engine, row(*[1] * 60))
    with pytest.raises(Overloaded, match="60 tokens of other texts wait"):
        engine.encode([row(*[1] * 41)])


def test_a_request_that_is_given_up_makes_room_at_once(engine, runner):
    held(engine, runner)
    job, ended = submitted(engine, row(*[1] * 90))
    engine.withdraw(job)
    _, other = submitted(engine, row(*[2] * 95))
    runner.gate.set()
    assert other.wait(30)
    assert not ended.is_set()
    assert runner.batches == [[1], [95]]


def test_a_deadline_ends_what_has_not_begun(engine, runner):
    held(engine, runner)
    with pytest.raises(DeadlineExceeded):
        engine.encode([row(2)], perf_counter() + 0.01)
    late, ended = submitted(engine, row(3), deadline=perf_counter())
    runner.gate.set()
    assert ended.wait(30)
    assert isinstance(late.error, DeadlineExceeded)
    assert runner.batches == [[1]]


def test_stopping_ends_what_waits(engine, runner):
    held(engine, runner)
    job, ended = submitted(engine, row(2))
    threading.Timer(0.05, runner.gate.set).start()
    engine.stop()
    assert ended.is_set()
    assert isinstance(job.error, ModelNotReady) or job.results[0] is not None
    with pytest.raises(ModelNotReady):
        engine.encode([row(1)])


def test_the_thread_ends_when_nothing_comes_and_starts_again(engine, monkeypatch):
    monkeypatch.setattr("service.generation.encoders.engine.LINGER", 0.01)
    engine.encode([row(1)])
    eventually(lambda: engine._thread is None, what="the thread's end")
    assert engine.encode([row(2)]).tolist() == [[2, 1]]


def test_a_text_that_ended_an_engine_runs_alone_and_after_two_not_at_all(runner):
    suspect, twice = row(7), row(8)
    deaths = {prompt_digest(suspect.ids): 1, prompt_digest(twice.ids): 2}
    engine = EncoderEngine(runner, suspects=Suspects(deaths))
    with pytest.raises(PredictionFailed, match="ended 2 times"):
        engine.encode([twice])
    assert engine.encode([row(1), suspect, row(2)]).tolist() == [[1, 1], [7, 1], [2, 1]]
    assert runner.batches == [[1, 1], [1]]
    assert prompt_digest(suspect.ids) not in deaths
    engine.stop()
