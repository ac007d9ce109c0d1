"""Three hosts behind HAProxy that share a store in S3, and keys and rates in Redis, with the defaults of both."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic

import pytest
import requests

from benchmarks.support.serving import ROOT, eventually
from service.web.access import api_keys
from tests.support.balancers import balancer, steady
from tests.support.hosts import SUBNET, host, inside, needs_hosts, network
from tests.support.redis import needs_redis, redis_server
from tests.support.s3_server import s3_server
from tests.support.steady import SteadyRequests, more_than

pytestmark = [pytest.mark.heavy, needs_hosts, needs_redis]

AT = f"{SUBNET}.1"
PACKED = """
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
from service.packing import pack

X = np.array([[0.0], [1.0], [2.0]])
for value in (1.0, 2.0):
    pack(LinearRegression().fit(X, np.full(3, value)), X, name="m", store=sys.argv[1], promote=value == 1.0)
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """(what every host is told, S3, Redis, keys by name) in the namespace where this thread then is."""
    with network() as edge, inside(edge), s3_server(AT) as s3, redis_server(tmp_path, AT) as redis:
        monkeypatch.setenv("DAYLIGHT_STORE_CACHE", str(tmp_path / "ours"))
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        store = s3.bucket("models")
        # In a process of its own: a client of S3 leaves a thread, which would stay in this namespace.
        subprocess.run([sys.executable, "-c", PACKED, store], cwd=ROOT, check=True, timeout=300)
        keys = {
            "any": api_keys.add(redis, "any", ["predict"]),
            "few": api_keys.add(redis, "few", ["predict"], rate=0.001, burst=30),
        }
        yield edge, store, s3, redis, keys


@pytest.fixture
def hosts(shared, tmp_path):
    """Three Hosts that started at once, none of which had anything of the store."""
    edge, store, s3, redis, _ = shared
    with ExitStack() as stack:
        made = []
        for number in (1, 2, 3):
            env = s3.environment | {
                "DAYLIGHT_KEYS_FILE": redis,
                "DAYLIGHT_STORE_CACHE": str(tmp_path / f"cache-{number}"),
            }
            made.append(stack.enter_context(host(edge, number, store, workers=2, env=env)))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda each: each.start(), made))
        yield made


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def ask(server, key):
    asked = {"json": {"instances": [[0.0]]}, "headers": bearer(key), "timeout": 30}
    return requests.post(f"{server}/v1/models/m:predict", **asked)


class Keyed(SteadyRequests):
    """Each request has a key."""

    key = ""

    def connection(self):
        session = super().connection()
        session.headers.update(bearer(self.key))
        return session


def at_version(hosts, keys, version):
    return all(ask(each, keys["any"]).json()["model_version"] == version for each in hosts)


def test_three_hosts_share_a_store_keys_and_rates(shared, hosts, tmp_path, monkeypatch):
    """A promotion reaches them all; they count together; neither the store's absence nor Redis' costs an answer."""
    _, store, s3, redis, keys = shared
    monkeypatch.setattr(Keyed, "key", keys["any"])
    with balancer("haproxy", tmp_path, bearer(keys["any"])), steady(kind=Keyed, threads=3) as load:
        began = monotonic()
        promote = [sys.executable, "-m", "service", "promote", "m", "2", "--store", store]
        promoted = subprocess.run(promote, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert promoted.returncode == 0, promoted.stderr
        eventually(lambda: at_version(hosts, keys, "2"), what="version 2 at every host")
        print(f"version 2 at every host {monotonic() - began:.1f} s after promote began")

        counted = [ask(hosts[number % 3], keys["few"]).status_code for number in range(60)]
        assert (counted.count(200), counted.count(429)) == (30, 30)

        s3.stop()
        hosts[2].replace()
        assert at_version(hosts, keys, "2"), "it starts with what it had brought"
        redis.stop()
        eventually(more_than(load, len(load.answers) + 500), what="answers")
        assert at_version(hosts, keys, "2")
    assert {version for _, _, version, _ in load.answers} == {"1", "2"}
