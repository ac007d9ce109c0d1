"""Which worker class a server gets."""

import pytest

from benchmarks.support.serving import live_server
from service.server.worker_class import KEEP_ALIVE, THREADED, choose, readable_versions
from service.settings import Settings
from service.store.manifest import Manifest
from service.store.versions import Store


def chosen(settings):
    return choose(settings, list(readable_versions(settings)))


def test_the_class_is_chosen_from_the_manifests(tmp_path):
    store = Store(tmp_path)
    add(store, "quick", "tabular", {"name": "onnx", "microseconds": {"sklearn": 400, "onnx": 20}})
    settings = Settings(store=tmp_path)
    assert chosen(settings)[0] == KEEP_ALIVE
    assert chosen(Settings(store=tmp_path, worker_class="sync")) == ("sync", "WORKER_CLASS says so")
    assert chosen(Settings(store=tmp_path, worker_class="gthread")) == (THREADED, "WORKER_CLASS says so")


@pytest.mark.parametrize(
    ("kind", "runtime", "why"),
    [
        ("text_generation", None, "is of kind text_generation"),
        ("tabular", None, "is not compiled"),
        ("tabular", {"name": "sklearn", "microseconds": {"sklearn": 20}}, "is not compiled"),
        ("tabular", {"name": "onnx", "microseconds": {"onnx": 1500}}, "takes 1500 microseconds a call"),
        ("tabular", {"name": "onnx"}, "an unknown number of microseconds"),
    ],
)
def test_one_version_that_needs_threads_decides_for_all(tmp_path, kind, runtime, why):
    store = Store(tmp_path)
    add(store, "quick", "tabular", {"name": "onnx", "microseconds": {"onnx": 20}})
    add(store, "slow", kind, runtime)
    found, told = chosen(Settings(store=tmp_path))
    assert found == THREADED
    assert told.startswith("slow version 1 ")
    assert why in told


def test_a_store_that_cannot_be_read_is_for_the_start_to_refuse(tmp_path):
    assert chosen(Settings(store=tmp_path)) == (THREADED, "the store is empty, or cannot be read")
    assert chosen(Settings(store=tmp_path / "absent"))[0] == THREADED


def add(store, name, kind, runtime):
    """A version that is its manifest alone."""
    folder = store.root / name / "1"
    folder.mkdir(parents=True)
    Manifest(name, "1", kind, {}, {} if runtime is None else {"runtime": runtime}).write(folder)
    (folder.parent / "current").write_text("1\n")


def test_worker_class_choice_is_logged(tabular_store):
    wanted, why = chosen(Settings(store=tabular_store))
    with live_server(tabular_store) as server:
        assert f"worker class {wanted}: {why}" in server.log
