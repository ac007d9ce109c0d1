"""The wall clock jumps by a day, forwards and back, while the server answers: nothing it does hangs on it."""

import re

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from client import Client
from tests.support.clock import clock_at, jump
from tests.support.steady import SteadyClient
from tests.support.workers import CLASSES, served, version_1_of

pytestmark = pytest.mark.heavy

DAY = 86_400


@CLASSES
@pytest.mark.parametrize("direction", [1, -1], ids=["forwards", "back"])
def test_a_jump_of_a_day_changes_nothing(tmp_path, env, direction):
    clock = tmp_path / "clock"
    env = env | clock_at(clock)
    store = version_1_of(tmp_path / "store")
    version_1_of(store.root, 2.0)  # beside the callers it might not be found quicker compiled, and then takes a minute
    store.promote("m", "1")
    with live_server(store.root, workers=2, env=env) as server, SteadyClient(str(server), "m") as load:
        eventually(lambda: len(load.answers) > 50, what="load")
        workers, before = server.workers(), date(server)
        jump(clock, direction * DAY)
        eventually(lambda: date(server) not in (before, None), what="the server's having noticed the jump")
        seen = len(load.answers)
        eventually(lambda: len(load.answers) > seen + 300, what="answers")
        with Client(str(server)) as client:
            assert client.predict([[0.0]], "m", timeout=5) == [1.0]
        store.promote("m", "2")
        eventually(lambda: {served(server) for _ in range(10)} == {"2"}, what="version 2")
        assert requests.get(f"{server}/health/ready", timeout=10).ok
        assert server.workers() == workers
    assert not load.failures, load.failures[:3]


def date(server):
    """The day of the month that the server believes it is."""
    told = requests.get(f"{server}/health/live", timeout=10).headers["Date"]
    return re.search(r", (\d\d) ", told)[1]
