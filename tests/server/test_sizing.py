"""How many workers and threads a server gets, and what a container allows it."""

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from service.server.sizing import sized
from service.server.worker_class import readable_versions
from service.settings import Settings, cores, most_memory
from service.store.manifest import Manifest
from service.store.versions import Store


def fitted(settings, given=(), memory=None):
    return sized(settings, list(readable_versions(settings)), given, memory)


@pytest.fixture
def store(tmp_path):
    """A table and a text model, which are their manifests alone."""
    for name, kind in (("table", "tabular"), ("text", "text_generation")):
        folder = tmp_path / name / "1"
        folder.mkdir(parents=True)
        Manifest(name, "1", kind, {}, {}).write(folder)
        (folder.parent / "current").write_text("1\n")
    return Store(tmp_path)


def test_each_core_has_a_worker_with_a_thread_for_every_completion_that_may_run_or_wait(store):
    size = fitted(Settings(store=store.root))
    assert (size.settings.workers, size.settings.compute_threads) == (cores(), 1)
    assert size.settings.threads == size.settings.slots + size.settings.max_waiting + 2
    workers, engine = size.lines
    assert workers.endswith("each core has one, and one for each completion that may run or wait")
    assert engine.startswith("one engine process")
    assert "text version 1 writes the texts of all callers together" in engine
    assert size.refusal is None


@pytest.mark.parametrize("given", [{"workers"}, {"threads"}, {"workers", "threads", "kv_bytes", "prefix_bytes"}])
def test_what_somebody_has_set_stays(store, given):
    before = Settings(store=store.root, workers=3, threads=5, kv_bytes=2**33, prefix_bytes=2**32)
    after = fitted(before, given, memory=2**32).settings
    for name in ("threads", "kv_bytes", "prefix_bytes"):
        assert (getattr(after, name) == getattr(before, name)) == (name in given)
    assert after.workers == 3


def test_without_a_text_model_there_is_no_engine_process(store, tmp_path):
    (store.root / "text" / "1" / "manifest.json").unlink()
    settings = Settings(store=tmp_path)
    size = fitted(settings, memory=2**30)
    assert size.settings == settings
    assert len(size.lines) == 1


@pytest.fixture
def heavy(store):
    """The text model has weights of 500 MB, none of which is on the disk."""
    folder = store.root / "text" / "1"
    Manifest("text", "1", "text_generation", {"weights": {"sha256": ""}}, {}).write(folder)
    with open(folder / "weights", "wb") as file:
        file.truncate(500_000_000)
    return store


def test_keys_and_values_get_half_of_what_is_left(heavy):
    """Of 1.6 GB: weights, the engine process and two workers take 0.74 GB."""
    settings = fitted(Settings(store=heavy.root, workers=2), memory=1_600_000_000).settings
    assert settings.kv_bytes == 430_000_000
    assert settings.prefix_bytes == 107_500_000


@pytest.mark.parametrize(("memory", "given"), [(800_000_000, ()), (1_600_000_000, {"kv_bytes", "prefix_bytes"})])
def test_what_does_not_fit_is_refused_in_one_sentence(heavy, memory, given):
    """Too little for the smallest cache, or for the one that somebody has set."""
    refusal = fitted(Settings(store=heavy.root, workers=2), given, memory).refusal
    assert refusal.startswith("text: weights of 500 MB, and ")
    assert f"do not fit into the {memory // 10**6} MB that are free" in refusal
    assert "DAYLIGHT_MODELS" in refusal


@pytest.mark.parametrize(("quota", "count"), [("50000 100000", 1), ("max 100000", cores()), ("100000 100000", 1)])
def test_a_containers_processors_are_counted_by_its_quota(tmp_path, quota, count):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores(tmp_path) == count


def test_a_containers_memory_is_what_its_limit_says(tmp_path):
    machine = most_memory(tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert most_memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text(f"{2**20}\n")
    assert most_memory(tmp_path) == 3 * 2**18


def test_the_log_says_how_many_and_why(tabular_store):
    with live_server(tabular_store, workers=2) as server:
        eventually(lambda: len(server.workers()) == 2, what="two workers")
        assert "2 workers of 8 threads: WORKERS says so" in server.log
        assert requests.get(f"{server}/health/live", timeout=10).ok
