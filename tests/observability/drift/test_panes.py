"""The last rows of all workers are summed, also those of workers that have ended."""

import os

import numpy as np
import pytest

from service.observability.drift import panes as module
from service.observability.drift.panes import Panes, remove_unused, window
from service.observability.drift.profile import Bins, Feature

BINS = Bins([Feature("x", [1, 1], 0, 0.0, ["low", "high"], edges=[0.5])])
LOW, HIGH = np.array([0, 0, 1, 0]), np.array([0, 0, 0, 1])


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Opens the panes of a worker with this process id; the clock goes on by a second at each addition."""
    times = iter(range(1, 10**6))
    monkeypatch.setattr(module, "now", lambda: next(times))

    def opened(pid, version="1", rows=100):
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: pid)
            return Panes(str(tmp_path), "m", version, BINS, rows, 2)

    return opened


def seen(tmp_path, rows=100, version="1"):
    counts, found = window(str(tmp_path), "m", version, BINS, rows)
    assert counts.sum() == found
    return counts[2:].tolist()


def test_the_newest_rows_of_all_workers(worker, tmp_path):
    one, other = worker(1), worker(2)
    for _ in range(200):
        one.add(LOW, 1)
        other.add(LOW, 1)
    assert sum(seen(tmp_path)) == 100
    for _ in range(50):
        one.add(HIGH, 1)
        other.add(HIGH, 1)
    assert seen(tmp_path) == [0, 100]


def test_one_busy_worker_fills_the_window_alone(worker, tmp_path):
    busy, idle = worker(1), worker(2)
    idle.add(LOW, 1)
    for _ in range(130):
        busy.add(HIGH, 1)
    assert seen(tmp_path)[0] == 0
    assert 100 <= seen(tmp_path)[1] < 125


def test_rows_of_an_ended_worker_count_until_newer_ones_fill_the_window(worker, tmp_path):
    gone, new = worker(2**30), worker(os.getpid())  # no process has such an id
    for _ in range(80):
        gone.add(LOW, 1)
    new.add(HIGH, 1)
    used = {("m", "1"): BINS}
    remove_unused(str(tmp_path), used, 100)
    assert seen(tmp_path) == [80, 1]
    for _ in range(120):
        new.add(HIGH, 1)
    remove_unused(str(tmp_path), used, 100)
    assert [path.name for path in tmp_path.iterdir()] == [f"m@1@{os.getpid()}.panes"]


def test_a_worker_with_the_id_of_an_ended_one_goes_on_with_its_file(worker, tmp_path):
    worker(1).add(LOW, 1)
    worker(1).add(HIGH, 1)
    assert seen(tmp_path) == [1, 1]


def test_another_profile_or_window_under_the_same_name_begins_anew(worker, tmp_path):
    worker(1).add(LOW, 1)
    others = Bins([Feature("y", [1, 1], 0, 0.0, ["low", "high"], edges=[0.7])])
    assert window(str(tmp_path), "m", "1", others, 100)[1] == 0
    worker(1, rows=1000).add(HIGH, 1)
    assert seen(tmp_path) == [0, 1]


def test_versions_are_apart_and_forgotten_a_day_after_their_last_row(worker, tmp_path, monkeypatch):
    worker(1).add(LOW, 1)
    worker(1, version="2").add(HIGH, 1)
    assert seen(tmp_path, version="2") == [0, 1]
    remove_unused(str(tmp_path), {("m", "2"): BINS}, 100)
    assert seen(tmp_path) == [1, 0]
    monkeypatch.setattr(module, "now", lambda: 86_400_100)
    remove_unused(str(tmp_path), {("m", "2"): BINS}, 100)
    assert [path.name for path in tmp_path.iterdir()] == ["m@2@1.panes"]


def test_a_file_that_is_being_made_stays_and_that_of_a_worker_killed_meanwhile_goes(worker, tmp_path):
    """An empty file raised IndexError, which ended the thread of every other worker that counts rows for drift."""
    (tmp_path / "m@1@1.panes").touch()
    worker(os.getpid())
    (tmp_path / f"m@1@{2**30}.panes").touch()  # no process has such an id
    remove_unused(str(tmp_path), {}, 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m@1@1.panes", f"m@1@{os.getpid()}.panes"]
    assert sum(seen(tmp_path)) == 0


def test_a_folder_without_room_raises_and_leaves_no_file(worker, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        worker(1)
    assert not list(tmp_path.iterdir())
