"""API keys and their rates in a real Redis that several servers share, and what happens while it is away."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from service.errors import BadSetting
from service.web.access import api_keys, shared_rate_limit
from service.web.access.api_keys import KeyFile
from service.web.access.rate_limit import Buckets
from service.web.access.redis_server import RedisServer
from service.web.access.shared_rate_limit import SharedBuckets
from tests.support.redis import PASSWORD, needs_redis, redis_server

pytestmark = needs_redis


@pytest.fixture
def redis(tmp_path):
    with redis_server(tmp_path) as server:
        yield server


def buckets(redis):
    """Those of one more server."""
    return SharedBuckets(RedisServer(redis), Buckets())


def passed(counted, times, rate=0.001, burst=10):
    return sum(counted.take("shop", rate, burst) == 0 for _ in range(times))


# Keys


def test_servers_see_a_new_key_and_forget_a_removed_one(redis, tmp_path):
    api_keys.add(redis, "first", ["predict"])
    servers = [KeyFile(redis, str(tmp_path / name)) for name in "ab" if (tmp_path / name).mkdir() is None]
    made = api_keys.add(redis, "shop", ["predict"], rate=5, burst=3)
    for server in servers:
        found = eventually(lambda server=server: server.find(made), seconds=10, what="the new key")
        assert (found.name, found.rate, found.burst) == ("shop", 5, 3)
    api_keys.remove(redis, "shop")
    for server in servers:
        eventually(lambda server=server: server.find(made) is None, seconds=10, what="its end")


def test_keys_that_are_added_at_once_are_all_kept(redis):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: api_keys.add(redis, f"key{number}", ["predict"]), range(8)))
    assert sorted(key.name for key in api_keys.read(redis)) == [f"key{number}" for number in range(8)]


def test_redis_holds_no_key_but_its_digest(redis):
    made = api_keys.add(redis, "shop", ["predict"])
    text = RedisServer(redis).client.get("daylight:keys")
    assert made not in text
    assert json.loads(text)["keys"][0]["sha256"] == api_keys.digest(made)


def test_a_name_that_is_taken_changes_nothing(redis):
    api_keys.add(redis, "shop", ["predict"])
    before = api_keys.read(redis)
    with pytest.raises(ValueError, match="there is a key named shop already"):
        api_keys.add(redis, "shop", ["admin"])
    assert api_keys.read(redis) == before


def test_a_redis_without_keys_says_how_to_make_one(redis):
    with pytest.raises(BadSetting, match=r"holds no keys yet; make the first: .* keys add NAME") as refused:
        KeyFile(redis)
    assert PASSWORD not in str(refused.value)


def test_a_redis_that_is_away_stops_a_first_start(redis):
    redis.stop()
    with pytest.raises(BadSetting, match="the Redis at 127.0.0.1:[0-9]+ does not answer") as refused:
        KeyFile(redis)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("url", ["redis://host:port/0", "redis://127.0.0.1:1/x"])
def test_a_url_that_is_none_is_a_bad_setting(url):
    with pytest.raises(BadSetting):
        KeyFile(url)


def test_a_wrong_password_is_told(redis):
    with pytest.raises(BadSetting, match="password") as refused:
        KeyFile(redis.replace(PASSWORD, "secret"))
    assert "secret" not in str(refused.value)


def test_keys_stay_while_redis_is_away_and_a_worker_that_starts_then_has_them(redis, tmp_path, caplog):
    made = api_keys.add(redis, "shop", ["predict"])
    worker = KeyFile(redis, str(tmp_path))
    redis.stop()
    another = KeyFile(redis, str(tmp_path))
    for each in (worker, another):
        each._look()
        each._look()
        assert each.find(made).name == "shop"
    assert caplog.text.count("the keys stay as they were") == 2, "each says it once"
    redis.start()  # with nothing in it: nobody's keys are taken away by that
    worker._look()
    assert worker.find(made).name == "shop"
    api_keys.add(redis, "other", ["predict"])
    worker._look()
    assert worker.find(made) is None, "now the keys are others"


# Rates


def test_servers_count_a_key_together(redis):
    one, other = buckets(redis), buckets(redis)
    assert passed(one, 6) + passed(other, 6) == 10
    wait = one.take("shop", 0.001, 10)
    assert 900 < wait <= 1000
    assert one.take("else", 0.001, 10) == 0


def test_a_key_with_a_high_rate_asks_redis_rarely_and_gets_no_more(redis):
    servers = [buckets(redis), buckets(redis)] * 4
    with ThreadPoolExecutor(8) as pool:
        may = sum(pool.map(lambda server: passed(server, 400, rate=100, burst=400), servers))
    asked = RedisServer(redis).client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert 400 <= may < 3200
    assert asked < 3200 - may + may / 2, "who is refused asks each time, the others for five requests at once"


def test_a_lease_is_void_after_its_time(redis, monkeypatch):
    server = buckets(redis)
    assert server.take("shop", 1000, 400) == 0
    left, void = server._leases["shop"]
    assert left == 49
    monkeypatch.setattr(shared_rate_limit, "monotonic", lambda: void + 1)
    assert not server._spend("shop", void + 1)


def test_the_clock_of_redis_jumps_back(redis):
    """Nobody waits for the moment at which the bucket would have been full by the old clock."""
    server = buckets(redis)
    server.server.client.set("daylight:rate:shop", "99999999999")
    assert 0 < server.take("shop", 10, 5) <= 0.11


def test_while_redis_is_away_each_server_counts_by_itself(redis):
    one, other = buckets(redis), buckets(redis)
    redis.stop()
    assert passed(one, 20) == passed(other, 20) == 10
    redis.start()
    one._ask_again = other._ask_again = 0.0
    assert passed(one, 20) + passed(other, 20) == 10


def test_a_redis_that_hangs_is_not_asked_by_every_request(redis):
    server = buckets(redis)
    assert passed(server, 1) == 1
    with redis.hanging():
        asked_again = server._ask_again
        assert passed(server, 20) == 10
        assert server._ask_again > asked_again, "it was given up for a second"


def test_two_servers_answer_as_often_as_the_key_is_for(redis, tabular_store):
    key = api_keys.add(redis, "shop", ["predict"], rate=0.001, burst=30)
    env = {"DAYLIGHT_KEYS_FILE": redis}
    with live_server(tabular_store, env=env, workers=2) as one, live_server(tabular_store, env=env) as other:

        def ask(server):
            return requests.post(
                f"{server}/v1/models/iris:predict",
                json={"instances": [[5.1, 3.5, 1.4, 0.2]]},
                headers=headers,
                timeout=30,
            ).status_code

        headers = {"Authorization": f"Bearer {key}"}
        found = [ask(server) for _ in range(25) for server in (one, other)]
        assert (found.count(200), found.count(429)) == (30, 20)
        redis.stop()
        assert ask(one) == 200, "it counts by itself now"
        eventually(lambda: ask(one) == 429 and "does not answer" in one.log, what="the log's saying so")
        assert PASSWORD not in one.log
