"""What /metrics says: right sums over threads and workers, labels of known models only, streams at their end."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from flask import Response
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.support.serving import eventually, live_server
from service.app import create_app
from service.generation.engine_load import EngineLoad
from service.observability.gauges import EngineGauges
from service.observability.metric_files import merge_ended
from service.observability.metrics import Meter
from service.settings import Settings
from service.web.context import RequestContext
from tests.support.tiny_text import pack_tiny
from tests.support.ways import WholeClient

ROW = [5.1, 3.5, 1.4, 0.2]
TABLE = {"instances": [ROW]}
V1 = "/v1/models/iris:predict"
REQUESTS, LATENCY = "daylight_requests_total", "daylight_request_seconds"


def samples(text):
    """{(name, {label: value} as a frozen set): number}."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found, name, **labels):
    return sum(value for (one, all_), value in found.items() if one == name and labels.items() <= dict(all_).items())


@pytest.fixture
def app(tabular_store):
    app = create_app(Settings(store=tabular_store))
    app.test_client_class = WholeClient
    return app


def scraped(client):
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    return samples(answer.text)


def test_requests_refusals_and_latencies(app):
    client = app.test_client()
    for _ in range(3):
        client.post(V1, json=TABLE)
    client.post("/predict", json=[ROW])
    client.post(V1, json={"instances": [["x", 1, 1, 1]]})
    client.get("/v1/models/iris")
    client.get("/health/live")
    found = scraped(client)
    route = "/v1/models/<name>:predict"
    assert total(found, REQUESTS, route=route, status="200", model="iris", method="POST") == 3
    assert total(found, REQUESTS, route="/predict", status="200", model="iris") == 1
    assert total(found, REQUESTS, route=route, status="422", model="iris") == 1
    assert total(found, REQUESTS, route="/v1/models/<name>", status="200") == 1
    assert total(found, REQUESTS, route="/health/live", status="200", model="-") == 1
    assert total(found, "daylight_refusals_total", code="invalid_instances", model="iris") == 1
    assert total(found, LATENCY + "_count", model="iris") == 4
    assert total(found, LATENCY + "_bucket", model="iris", le="+Inf") == 4
    assert 0 < total(found, LATENCY + "_sum", model="iris") < 4
    assert 0 < total(found, "daylight_predict_seconds_total", model="iris") < 4
    assert total(found, "daylight_requests_in_flight") == 1  # the scrape itself
    assert total(scraped(client), REQUESTS, route="/metrics", status="200") == 1


def test_labels_come_from_what_exists_and_never_from_callers(app):
    client = app.test_client()
    client.post("/v1/models/evil:predict", json=TABLE)
    client.post("/v1/models/iris/versions/evil:predict", json=TABLE)
    client.get("/evil/evil")
    client.open("/predict", method="EVIL")
    text = client.get("/metrics").text
    assert "evil" not in text
    assert "EVIL" not in text
    assert total(samples(text), REQUESTS, method="other") == 1
    assert total(samples(text), "daylight_refusals_total", code="model_not_found") == 2


def test_tokens_are_counted(tmp_path):
    pack_tiny(tmp_path)
    client = create_app(Settings(store=tmp_path)).test_client()
    answer = client.post("/v1/models/tiny:predict", json={"instances": ["ab", "ba"], "parameters": {"max_tokens": 3}})
    used = [one["usage"] for one in answer.json["predictions"]]
    answer.close()  # as a server does when the answer has been sent
    found = scraped(client)
    assert total(found, "daylight_tokens_total", of="prompt") == sum(one["prompt_tokens"] for one in used)
    assert total(found, "daylight_tokens_total", of="completion") == sum(one["completion_tokens"] for one in used)


def test_a_stream_is_logged_and_counted_when_it_ends(app, caplog):
    @app.get("/stream")
    def stream():
        return Response(iter([b"a", b"b"]), mimetype="text/event-stream")

    @app.get("/torn")
    def torn():
        def pieces():
            yield b"a"
            raise KeyError("a secret of the server")

        return Response(pieces())

    caplog.set_level("INFO", "service.requests")
    client = app.test_client()
    answer = client.get("/stream", buffered=False)
    pieces = answer.iter_encoded()
    assert next(pieces) == b"a"
    assert "/stream" not in caplog.text
    assert total(scraped(client), "daylight_requests_in_flight") == 2
    answer.close()
    assert "GET /stream 200" in caplog.text
    with pytest.raises(KeyError):
        client.get("/torn", buffered=True)
    found = scraped(client)
    assert total(found, REQUESTS, route="/stream", status="200") == 1
    assert total(found, REQUESTS, route="/torn", status="200") == 1
    assert total(found, "daylight_requests_in_flight") == 1


def test_threads_lose_no_count(tmp_path):
    meter = Meter(str(tmp_path))

    def answer(_):
        context = RequestContext()
        context.model, context.seconds = "iris", {"predict": 0.25}
        meter.began()
        meter.ended("POST", 200, context)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(answer, range(4000)))
    found = samples(meter.exposition().decode())
    assert total(found, REQUESTS) == total(found, LATENCY + "_count") == 4000
    assert total(found, "daylight_predict_seconds_total") == 1000
    assert total(found, "daylight_requests_in_flight") == 0


def test_workers_are_added_up_and_the_dead_stay_in_the_sums(tabular_store):
    with live_server(tabular_store, workers=2) as server:

        def counted():
            text = requests.get(f"{server}/metrics", timeout=10).text
            return samples(text)

        for _ in range(40):
            assert requests.post(f"{server}{V1}", json=TABLE, timeout=10).ok
        # A worker counts a request after its answer was sent, and another worker may be asked for the sums meanwhile.
        eventually(lambda: total(counted(), REQUESTS, model="iris", status="200") == 40, what="40 counted")
        killed = server.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(server.workers()) - set(killed)) == 2, what="two new workers")
        eventually(lambda: requests.get(f"{server}/health/ready", timeout=10).ok, what="readiness")
        assert requests.post(f"{server}{V1}", json=TABLE, timeout=10).ok
        eventually(lambda: total(counted(), REQUESTS, model="iris", status="200") == 41, what="41 counted")
        found = counted()
        assert total(found, LATENCY + "_count", model="iris") == 41
        assert 1 <= total(found, "daylight_requests_in_flight") <= 2  # the scrape itself, and no dead worker's


def test_files_of_the_dead_are_joined(tmp_path):
    for number in range(3):
        pid = os.fork()
        if pid == 0:
            meter = Meter(str(tmp_path))
            meter.began()
            context = RequestContext()
            context.refused = "overloaded"
            meter.ended("POST", 429, context)
            os._exit(0)
        os.waitpid(pid, 0)
        if number:
            merge_ended(str(tmp_path))
    merge_ended(str(tmp_path))
    meter = Meter(str(tmp_path))
    found = samples(meter.exposition().decode())
    assert total(found, "daylight_refusals_total", code="overloaded") == 3
    assert total(found, "daylight_requests_in_flight") == 0
    names = {path.name for path in (tmp_path / "metrics").iterdir()}
    assert names == {"lock", "counter_ended.db", f"gauge_livesum_{os.getpid()}.db"}


def test_a_worker_killed_while_it_makes_its_file_leaves_nothing_that_cannot_be_read(tmp_path, monkeypatch):
    """It left an empty file, over which the master stumbled: the whole server ended with one worker."""
    (tmp_path / "metrics").mkdir()
    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(os, "posix_fallocate", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        Meter(str(tmp_path)).began()
    os.waitpid(pid, 0)
    (left,) = (tmp_path / "metrics").iterdir()
    assert total(samples(Meter(str(tmp_path)).exposition().decode()), "daylight_requests_in_flight") == 0
    merge_ended(str(tmp_path))
    assert not left.exists()


def test_an_empty_server_has_metrics_too(app):
    assert total(scraped(app.test_client()), "daylight_requests_in_flight") == 1


def test_rows_and_the_rows_of_the_calls_that_answered_them(tabular_store):
    """Two requests that one call has answered: each counts its own rows, and both the call's."""
    meter = Meter()
    context = RequestContext()
    context.model, context.rows, context.batch, context.seconds = "iris", 2, 5, {"predict": 0.1, "parse": 0.2}
    for _ in range(2):
        meter.began()
        meter.ended("POST", 200, context)
    found = samples(meter.exposition().decode())
    assert total(found, "daylight_rows_total", model="iris") == 4
    assert total(found, "daylight_batch_rows_sum", model="iris") == 10
    assert total(found, "daylight_batch_rows_bucket", model="iris", le="4.0") == 0
    assert total(found, "daylight_batch_rows_bucket", model="iris", le="8.0") == 2
    assert total(found, "daylight_parse_seconds_total", model="iris") == pytest.approx(0.4)


def test_a_request_counts_the_rows_of_its_call(app):
    client = app.test_client()
    client.post(V1, json={"instances": [ROW] * 3})
    found = scraped(client)
    assert total(found, "daylight_rows_total", model="iris") == 3
    assert total(found, "daylight_batch_rows_sum", model="iris") == 3
    for stage in ("parse", "check", "encode"):
        assert total(found, f"daylight_{stage}_seconds_total", model="iris") > 0


def test_completions_tell_how_long_their_tokens_took(tmp_path):
    pack_tiny(tmp_path)
    client = create_app(Settings(store=tmp_path)).test_client()
    body = {"instances": ["ab", "ba"], "parameters": {"max_tokens": 3, "ignore_eos": True}}
    client.post("/v1/models/tiny:predict", json=body).close()
    found = scraped(client)
    assert total(found, "daylight_first_token_seconds_count", model="tiny") == 2
    assert total(found, "daylight_first_token_seconds_sum", model="tiny") > 0
    assert total(found, "daylight_token_seconds_count", model="tiny") == 2
    assert total(found, "daylight_cancellations_total", model="tiny") == 0


def test_cancelled_completions_are_counted(tmp_path):
    pack_tiny(tmp_path)
    client = create_app(Settings(store=tmp_path)).test_client()
    body = {"model": "tiny", "prompt": "ab", "max_tokens": 30, "stream": True, "ignore_eos": True}
    answer = client.post("/v1/completions", json=body)
    next(answer.response)
    answer.close()  # as where the caller hangs up
    assert total(scraped(client), "daylight_cancellations_total", model="tiny") == 1


def test_requests_of_keys_are_counted_by_their_names():
    meter = Meter()
    context = RequestContext()
    context.key = "shop"
    meter.began()
    meter.ended("GET", 200, context)
    assert total(samples(meter.exposition().decode()), "daylight_key_requests_total", key="shop") == 1


def test_gauges_of_an_engine_follow_its_versions(tmp_path):
    meter, first, second = Meter(), object(), object()
    gauges = EngineGauges(meter)
    gauges.publish([("m", first, EngineLoad(2, 1, 30, 1.5, 0.5, 100, 1, 40)), ("m", second, EngineLoad(1, 0, 0, 0.0))])
    gauges.publish([("m", first, EngineLoad(2, 1, 30, 1.5, 0.5, 100, 1, 60))])
    found = samples(meter.exposition().decode())
    assert total(found, "daylight_running", model="m") == 2
    assert total(found, "daylight_waiting", model="m") == 1
    assert total(found, "daylight_expected_wait_seconds", model="m") == 1.5
    assert total(found, "daylight_kv_ratio", model="m") == 0.5
    assert total(found, "daylight_prefix_bytes", model="m") == 100
    assert total(found, "daylight_prefix_tokens_total", model="m") == 60
    gauges.publish([])
    found = samples(meter.exposition().decode())
    assert total(found, "daylight_running", model="m") == 0
    assert total(found, "daylight_prefix_tokens_total", model="m") == 60


def test_how_things_stand_in_workers_and_in_the_engine(tiny_url):
    """Two workers and the engine process write gauges of one model, and any worker tells them."""
    base = {"model": "tiny", "max_tokens": 4, "ignore_eos": True}
    for prompt in ("abcdefgh" * 3, "abcdefgh" * 3 + "z"):
        requests.post(f"{tiny_url}/v1/completions", json=base | {"prompt": prompt}, timeout=60).raise_for_status()

    gauges = ("daylight_waiting", "daylight_running", "daylight_expected_wait_seconds", "daylight_kv_ratio")

    def told():
        """They are written every second: the first numbers may be of the moment when a prompt was waiting."""
        found = samples(requests.get(f"{tiny_url}/metrics", timeout=30).text)
        idle = all([value for (name, _), value in found.items() if name == gauge] == [0.0] for gauge in gauges)
        return found if idle and total(found, "daylight_prefix_tokens_total", model="tiny") >= 8 else None

    found = eventually(told, what="the engine's count of reused tokens, and one gauge of each, at zero")
    assert total(found, "daylight_prefix_bytes", model="tiny") > 0
    assert total(found, "daylight_first_token_seconds_count", model="tiny") >= 2
