"""A process that packs, promotes, rolls back and removes is killed a thousand times: the store serves after each.

FAULTS_KILLS=10000 pytest -m heavy tests/faults/test_kills.py
"""

import contextlib
import os
import random
import signal
import time
import traceback

import pytest

from service.errors import StartupError
from service.store.versions import Store
from tests.support.stores import add_small

pytestmark = pytest.mark.heavy

KILLS = int(os.environ.get("FAULTS_KILLS", "1000"))
MOST_VERSIONS = 6
LONGEST = 0.02  # seconds until the kill


def change_for_ever(store, seed):
    """One change after the other, as many processes at once would make them."""
    chance = random.Random(seed)
    while True:
        versions = store.versions("m")
        action = chance.choice(["pack", "promote", "rollback", "remove"])
        with contextlib.suppress(StartupError, ValueError):  # nothing to go back to, the current version, ...
            if action == "remove" or len(versions) > MOST_VERSIONS:
                store.remove("m", chance.choice(versions))
            elif action == "pack":
                add_small(store)
            elif action == "promote":
                store.promote("m", chance.choice(versions))
            else:
                store.rollback("m")


@pytest.mark.parametrize("writers", [1, 2])
def test_a_thousand_kills(tmp_path, writers):
    store = Store(tmp_path)
    chance = random.Random(writers)
    for _ in range(2):
        add_small(store)
    for number in range(KILLS):
        children = [start(store, f"{number}-{writer}") for writer in range(writers)]
        time.sleep(chance.uniform(0, LONGEST))
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        assert store.models() == ["m"]
        for version in [None, *store.versions("m")]:
            store.open("m", version).verify()
    add_small(store)
    store.rollback("m")
    print(f"{KILLS} kills of {writers}: version {store.next_version('m')} is next")


def start(store, seed):
    pid = os.fork()
    if pid == 0:
        try:
            change_for_ever(store, seed)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid
