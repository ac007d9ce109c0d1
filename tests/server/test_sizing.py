"""How many workers and threads a server gets, and what a container allows it."""

import pytest
import requests

from benchmarks.support.serving import eventually, live_server
from service.server.sizing import sized
from service.server.worker_class import readable_versions
from service.settings import Settings, cores, most_memory
from service.store.manifest import Manifest
from service.store.versions import Store


def fitted(settings, given):
    return sized(settings, list(readable_versions(settings)), given)


@pytest.fixture
def store(tmp_path):
    """A table and a text model, which are their manifests alone."""
    for name, kind in (("table", "tabular"), ("text", "text_generation")):
        folder = tmp_path / name / "1"
        folder.mkdir(parents=True)
        Manifest(name, "1", kind, {}, {}).write(folder)
        (folder.parent / "current").write_text("1\n")
    return Store(tmp_path)


def test_one_worker_has_a_thread_for_every_completion_that_may_run_or_wait(store):
    settings, reason = fitted(Settings(store=store.root), given=set())
    assert (settings.workers, settings.compute_threads) == (1, cores())
    assert settings.threads == settings.slots + settings.max_waiting + 2
    assert reason.startswith("text version 1 writes the texts of all callers together")


@pytest.mark.parametrize("given", [{"workers"}, {"threads"}, {"workers", "threads"}])
def test_what_somebody_has_set_stays(store, given):
    before = Settings(store=store.root, workers=3, threads=5)
    after, _ = fitted(before, given)
    for name in ("workers", "threads"):
        assert (getattr(after, name) == getattr(before, name)) == (name in given)


def test_without_a_text_model_each_core_has_a_worker(store, tmp_path):
    (store.root / "text" / "1" / "manifest.json").unlink()
    settings = Settings(store=tmp_path)
    assert fitted(settings, given=set()) == (settings, "each core has a worker")


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
