"""The real nginx with deploy/nginx.conf, in front of the real gunicorn on a unix socket."""

import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
import requests

from benchmarks.support.nginx import behind_nginx, nginx
from benchmarks.support.serving import eventually, live_server, stop
from service.packing import pack
from service.settings import Settings
from tests.support.estimators import Slow, sample
from tests.support.raw_client import Client, post
from tests.support.raw_http import exchange
from tests.support.workers import needs_nginx

ROW = [5.1, 3.5, 1.4, 0.2]

pytestmark = needs_nginx


@pytest.fixture(scope="module")
def proxied(tabular_store, tmp_path_factory):
    """The URL of nginx in front of a server of `iris`."""
    with behind_nginx(tabular_store, tmp_path_factory.mktemp("nginx")) as (_, url):
        yield url


def test_predictions_come_through_with_one_connection_kept(proxied):
    with requests.Session() as session:
        for _ in range(20):
            answer = session.post(f"{proxied}/v1/models/iris:predict", json={"instances": [ROW]}, timeout=10)
            assert answer.json()["predictions"] == ["setosa"]
            assert answer.headers["Connection"] == "keep-alive"
    article = requests.post(f"{proxied}/predict", json=[ROW], timeout=10)
    assert article.json() == {"text": ["setosa"]}


def test_the_request_id_is_made_at_the_edge(proxied):
    answer = requests.get(f"{proxied}/health/live", headers={"X-Request-ID": "forged"}, timeout=10)
    assert len(answer.headers["X-Request-ID"]) == 32
    assert int(answer.headers["X-Request-ID"], 16)


def test_a_large_body_comes_through(proxied):
    rows = [[value + number / 1e9 for value in ROW] for number in range(60_000)]
    answer = requests.post(f"{proxied}/v1/models/iris:predict", json={"instances": rows}, timeout=60)
    assert int(answer.request.headers["Content-Length"]) > 2 * 2**20
    assert answer.json()["predictions"] == ["setosa"] * len(rows)


@pytest.mark.parametrize("path", ["/predict", "/v1/models/iris:predict"])
def test_a_body_over_the_limit_is_told_in_the_words_of_its_dialect(proxied, path):
    answer = requests.post(f"{proxied}{path}", data=b" " * (Settings.max_body_bytes + 1), timeout=10)
    body = answer.json()
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/json"
    assert (body["code"] if path.startswith("/v1/") else body["error"]["code"]) == "payload_too_large"
    told = body["request_id"] if path.startswith("/v1/") else body["error"]["request_id"]
    assert told == answer.headers["X-Request-ID"]


def test_nginx_and_the_service_take_bodies_of_the_same_size(proxied):
    """One byte less than what nginx refuses reaches the service, which finds only that it is no JSON."""
    answer = requests.post(f"{proxied}/v1/models/iris:predict", data=b"x" * Settings.max_body_bytes, timeout=30)
    assert answer.status_code in (400, 415), answer.text


def test_bodies_that_never_arrive_hold_up_nobody(proxied):
    """nginx waits for them, and the service knows nothing of them."""
    with ExitStack() as stack:
        for _ in range(16):
            part = post(b"x" * 50, path="/v1/models/iris:predict").replace(b"Host: a", b"Host: localhost")[:-20]
            stack.enter_context(Client(proxied)).send(part)
        assert requests.get(f"{proxied}/health/live", timeout=5).ok
        assert requests.get(f"{proxied}/v1/models", timeout=5).ok


def test_errors_of_the_service_pass_through_untouched(proxied):
    answer = requests.post(f"{proxied}/v1/models/nobody:predict", json={"instances": [ROW]}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


def test_another_name_is_not_answered(proxied):
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{proxied}/health/live", headers={"Host": "elsewhere.example.org"}, timeout=10)


def test_a_service_that_is_gone_is_a_502_in_json(tabular_store, tmp_path):
    with behind_nginx(tabular_store, tmp_path) as (server, url):
        stop(server)
        answer = requests.post(f"{url}/predict", json=[ROW], timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "unavailable")
        assert answer.headers["Retry-After"] == "1"
        table = requests.post(f"{url}/v1/models/iris:predict", json={"instances": [ROW]}, timeout=10)
        assert (table.status_code, table.json()["code"]) == (502, "unavailable")
        text = requests.post(f"{url}/v1/completions", json={"model": "m", "prompt": "a"}, timeout=10)
        assert text.json()["error"]["code"] == "unavailable"
        assert text.json()["error"]["type"] == "server_error"


@pytest.fixture
def slow_store(tmp_path):
    """A store of `slow`, which touches tmp_path/started when a prediction begins."""
    pack(Slow(str(tmp_path / "started")).fit(*sample()), *sample(), name="slow", store=tmp_path / "store")
    return tmp_path / "store"


def test_a_request_outlives_the_worker_killed_under_it(slow_store, tmp_path):
    """Its kept connection breaks, and nginx sends the POST again, to the worker that comes after.

    On a busy machine a prediction of one second could be over before the kill, and a server that still loads its model
    could take longer to answer than the ten seconds that the first call gave it.
    """
    started = tmp_path / "started"
    with (
        behind_nginx(slow_store, tmp_path) as (server, url),
        requests.Session() as session,
        ThreadPoolExecutor() as pool,
    ):
        assert session.get(f"{url}/health/ready", timeout=60).ok
        running = pool.submit(session.post, f"{url}/predict", json=[[4.0]], timeout=90)
        eventually(started.exists, what="the request having started")
        os.kill(server.workers()[0], signal.SIGKILL)
        assert not running.done()
        assert running.result().json() == {"text": [4.0]}
        assert server.log.count("Booting worker") == 2


@contextmanager
def one_request_runs(store, folder, limit):
    """nginx with one of its limits lowered to 1, while the first request runs behind it: the URL."""
    lowered = [(limit, re.sub(r"\d+$", "1", limit))]
    with behind_nginx(store, folder, lowered) as (_, url), ThreadPoolExecutor() as pool:
        running = pool.submit(requests.post, f"{url}/predict", json=[[1.0]], timeout=30)
        eventually((folder / "started").exists, what="the first request having started")
        yield url
        assert running.result().json() == {"text": [1.0]}


def test_when_the_instance_is_full_a_probe_is_still_answered(slow_store, tmp_path):
    """The limit for all addresses together."""
    with one_request_runs(slow_store, tmp_path, "limit_conn instance 128") as url:
        refused = requests.post(f"{url}/predict", json=[[0.0]], timeout=10)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
        assert refused.headers["Retry-After"] == "1"
        assert requests.get(f"{url}/health/live", timeout=10).json() == {"status": "live"}


def test_internal_routes_are_closed_to_outside_addresses(tabular_store, tmp_path):
    """As seen from an address outside: this machine's, for the length of the test."""
    outside = [("127.0.0.0/8    0", "127.0.0.0/8    1")]
    with nginx(tmp_path, outside) as url, live_server(tabular_store, bind=f"unix:{tmp_path / 'gunicorn.sock'}"):
        eventually(lambda: requests.get(f"{url}/health/live", timeout=10).ok, what="liveness through nginx")
        for method, path in (
            ("GET", "/metrics"),
            ("GET", "/health/ready"),
            ("POST", "/v2/repository/models/iris/unload"),
            ("POST", "//v2/repository/models/iris/unload"),
            ("POST", "/v2/repository/models%2Firis/unload"),
        ):
            answer = requests.request(method, f"{url}{path}", timeout=10)
            assert answer.status_code == 403, path


def test_one_address_cannot_take_every_worker(slow_store, tmp_path):
    """The limit for one address: while its first request runs, a second is refused."""
    with one_request_runs(slow_store, tmp_path, "limit_conn addresses 64") as url:
        refused = requests.get(f"{url}/v1/models", timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert refused.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /predict?text=" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 70_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: tea\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b/<>\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ],
    ids=["line", "header", "length", "no host", "no name", "coding"],
)
def test_what_nginx_cannot_read_is_json_with_an_id(tmp_path, sent, status):
    with nginx(tmp_path) as url:
        received = exchange(url, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    error = json.loads(body)["error"]
    assert error["code"] == "bad_request"
    assert f"X-Request-ID: {error['request_id']}".encode() in head
