"""When the master starts another engine process, and whether that one's prompts are to blame."""

import logging
import signal
from types import SimpleNamespace

import pytest

from service.models.engine import ENDED_BY_ITSELF, HANGS, SOCKET
from service.server import engine_watch
from service.server.engine_watch import CALM, EngineWatch
from tests.support.clock import Clock


class Process:
    """Stands for a subprocess that runs until the test says how it ended."""

    pid = 4711

    def __init__(self, arguments, **_):
        self.blames = arguments[-1] == "blame"
        self.code = None

    def poll(self):
        return self.code

    def kill(self):
        self.code = -signal.SIGKILL


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(engine_watch, "time", clock)
    return clock


@pytest.fixture
def started(monkeypatch):
    """The processes that were started, oldest first."""
    started = []
    module = SimpleNamespace(Popen=lambda *a, **k: started.append(Process(*a, **k)) or started[-1], DEVNULL=None)
    monkeypatch.setattr(engine_watch, "subprocess", module)
    return started


@pytest.fixture
def watch(clock, started, tmp_path):
    watch = EngineWatch(SimpleNamespace(LISTENERS=[1], log=logging.getLogger("test")), str(tmp_path / "engine"))
    watch.start()
    return watch


def seconds_until_the_next(watch, clock, started, code):
    """The running process ends with this code after a second; for how long the master then waits."""
    clock.now += 1
    count, started[-1].code = len(started), code
    watch.look()
    noticed = clock.now
    while True:
        watch.look()
        if len(started) > count:
            return clock.now - noticed
        clock.now += 0.25
        assert clock.now < noticed + 100


def test_pauses_grow_where_one_engine_after_the_other_ends_early(watch, clock, started):
    pauses = [seconds_until_the_next(watch, clock, started, -signal.SIGSEGV) for _ in range(10)]
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    clock.now += CALM
    assert seconds_until_the_next(watch, clock, started, -signal.SIGSEGV) == 0


def test_who_kills_it_from_outside_blames_nobody_and_waits_for_nothing(watch, clock, started):
    for _ in range(5):
        assert seconds_until_the_next(watch, clock, started, -signal.SIGKILL) == 0
        assert not started[-1].blames


@pytest.mark.parametrize(("code", "blames"), [(-signal.SIGSEGV, True), (1, True), (ENDED_BY_ITSELF, False), (0, False)])
def test_a_crash_is_the_fault_of_what_was_worked_on(watch, clock, started, code, blames):
    seconds_until_the_next(watch, clock, started, code)
    assert started[-1].blames == blames


def test_so_is_a_kill_for_want_of_memory(watch, clock, started, monkeypatch):
    monkeypatch.setattr(engine_watch, "oom_kills", lambda: 10**9)
    seconds_until_the_next(watch, clock, started, -signal.SIGKILL)
    assert started[-1].blames


def test_one_without_a_heartbeat_is_ended_and_what_it_worked_on_to_blame(watch, clock, started):
    (watch.folder / SOCKET).touch()
    beat(watch, clock.now)
    clock.now += HANGS
    watch.look()
    assert started[0].code is None
    clock.now += 10
    watch.look()
    assert started[0].code == -signal.SIGKILL
    watch.look()
    watch.look()
    assert started[1].blames


def beat(watch, now):
    engine_watch.os.utime(watch.folder / SOCKET, ns=(int(now * 1e9), int(now * 1e9)))


def test_a_server_that_stops_starts_none(watch, clock, started):
    watch.server.LISTENERS = []
    started[0].code = -signal.SIGKILL
    for _ in range(3):
        watch.look()
    assert len(started) == 1
