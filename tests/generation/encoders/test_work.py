"""Which rows run together: of like length, requests in turn by the tokens they have had."""

import numpy as np
import pytest

from service.generation.encoders.work import MOST_PADDING, MOST_ROWS, MOST_TOKENS, Job, Row, WaitingRows


def job(*lengths):
    return Job([Row(np.zeros(length, np.int32)) for length in lengths], None, lambda job: None)


def lengths_of(batch):
    return [len(job.rows[place].ids) for job, place in batch]


def drained(waiting):
    batches = []
    while batch := waiting.next_batch():
        batches.append(batch)
    return batches


def test_every_row_runs_once_and_little_is_padding():
    rng = np.random.default_rng(0)
    jobs = [job(*rng.integers(1, 513, rng.integers(1, 40)).tolist()) for _ in range(30)]
    waiting = WaitingRows()
    for each in jobs:
        waiting.add(each)
    assert waiting.tokens == sum(each.tokens for each in jobs)
    batches = drained(waiting)
    assert waiting.tokens == 0
    assert not waiting
    assert sorted((id(job), place) for batch in batches for job, place in batch) == sorted(
        (id(each), place) for each in jobs for place in range(len(each.rows))
    )
    for lengths in map(lengths_of, batches):
        size = max(lengths) * len(lengths)
        assert len(lengths) == 1 or (size <= MOST_TOKENS and size - sum(lengths) <= MOST_PADDING * size)


def test_rows_of_one_length_share_a_batch_up_to_its_bounds():
    waiting = WaitingRows()
    waiting.add(job(*[4] * 200))
    assert list(map(len, drained(waiting))) == [MOST_ROWS, MOST_ROWS, MOST_ROWS, 200 - 3 * MOST_ROWS]
    waiting.add(job(*[200] * 5))
    assert list(map(len, drained(waiting))) == [2, 2, 1]


def test_a_short_request_does_not_wait_for_the_end_of_a_long_one():
    waiting = WaitingRows()
    long, short = job(*[300] * 50), job(8)
    waiting.add(long)
    waiting.next_batch()
    waiting.add(short)
    assert short in [job for job, _ in waiting.next_batch()]


def test_what_has_ended_is_left_out():
    waiting = WaitingRows()
    first, second = job(5, 6, 7), job(6)
    waiting.add(first)
    waiting.add(second)
    waiting.drop(first)
    first.ended = True
    assert waiting.tokens == 6
    assert drained(waiting) == [[(second, 0)]]


@pytest.mark.parametrize("seed", range(20))
def test_jobs_that_end_at_any_moment_leave_the_count_right(seed):
    rng = np.random.default_rng(seed)
    waiting, jobs = WaitingRows(), []
    for _ in range(60):
        if rng.random() < 0.5:
            jobs.append(job(*rng.integers(1, 100, rng.integers(1, 9)).tolist()))
            waiting.add(jobs[-1])
        elif jobs and rng.random() < 0.5:
            ended = jobs.pop(rng.integers(len(jobs)))
            waiting.drop(ended)
            ended.ended = True
        else:
            waiting.next_batch()
        assert waiting.tokens == sum(each.waiting_tokens for each in jobs) >= 0
    drained(waiting)
    assert waiting.tokens == 0
