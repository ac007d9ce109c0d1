"""Requests ended by their id, in this process and in another one that shares the folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.scheduling.cancellation import Cancellations

ROOT = Path(__file__).parents[2]
OTHER = """
import sys, threading
from service.scheduling.cancellation import Cancellations
ended = threading.Event()
with Cancellations(sys.argv[1]).listed("far", "key", ended.set):
    print("listening", flush=True)
    print("ended" if ended.wait(30) else "forgotten", flush=True)
"""


def test_a_request_is_ended_while_it_is_listed_and_by_its_own_key():
    ends, cancels = [], Cancellations("")
    with cancels.listed("near", "mine", lambda: ends.append(1)), cancels.listed("near", "mine", lambda: ends.append(2)):
        assert not cancels.cancel("near", "another's")
        assert not cancels.cancel("other", "mine")
        assert cancels.cancel("near", "mine")
    assert ends == [1, 2]
    assert not cancels.cancel("near", "mine")


@pytest.fixture
def other_worker(tmp_path):
    worker = subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with worker:
        assert worker.stdout.readline() == "listening\n"
        yield worker
        worker.kill()


def test_a_request_in_another_worker_is_found(tmp_path, other_worker):
    cancels = Cancellations(tmp_path)
    assert not cancels.cancel("far", "another's")
    assert cancels.cancel("far", "key")
    assert other_worker.stdout.readline() == "ended\n"


def test_a_worker_that_died_is_not_waited_for_and_forgotten(tmp_path, other_worker):
    other_worker.kill()
    other_worker.wait()
    assert list(tmp_path.iterdir())
    assert not Cancellations(tmp_path).cancel("far", "key")
    assert not list(tmp_path.iterdir())
