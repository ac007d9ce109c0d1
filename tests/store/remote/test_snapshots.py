"""Stores that somebody has put somewhere whole: a commit of the Hub, an OCI artifact. They are read, and checked."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks.support.serving import ROOT
from service.errors import StartupError, StoreUnreachable
from service.settings import Settings
from service.store.remote import oci
from service.store.remote.snapshot import Snapshot
from service.store.signature import Keys
from service.store.versions import Store
from tests.support.hub_server import hub_server
from tests.support.oci_registry import REGISTRY, USER, push, real_registry, small_registry
from tests.support.stores import add_small

COMMIT = "6a0c" * 10


@pytest.fixture
def store(tmp_path):
    """Versions 1 and 2 of `m`, of which 2 is current; 1 of `n`."""
    made = Store(tmp_path / "store")
    add_small(made)
    add_small(made)
    add_small(made, "n")
    return made


def files_of(store, below=""):
    """{path: content} of a store, as it is put elsewhere."""
    paths = [path for path in sorted(store.root.rglob("*")) if path.is_file()]
    return {f"{below}{path.relative_to(store.root)}": path.read_bytes() for path in paths}


@pytest.fixture
def signed_in(tmp_path, monkeypatch):
    """signed_in(host): ada's credentials for a registry, as `docker login` keeps them."""

    def write(host):
        (tmp_path / "docker.json").write_text(json.dumps({"auths": {host: {"auth": USER}}}))
        monkeypatch.setattr(oci, "CONFIG", tmp_path / "docker.json")

    return write


@pytest.fixture
def registry(signed_in):
    with small_registry() as server:
        server.host = f"127.0.0.1:{server.server_port}"
        signed_in(server.host)
        yield server


def test_a_commit_of_the_hub_is_brought_once(store, tmp_path):
    url = f"hf://acme/models/prod@{COMMIT}"
    with hub_server({("acme/models", COMMIT): files_of(store, "prod/")}) as server:

        def run(*arguments):
            environment = os.environ | {"HF_ENDPOINT": server.url, "DAYLIGHT_STORE_CACHE": str(tmp_path / "cache")}
            command = [sys.executable, "-m", "service", *arguments]
            ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
            return ran.returncode, ran.stdout + ran.stderr

        code, said = run("models", "--store", url)
        assert (code, [line.split()[0] for line in said.splitlines()]) == (0, ["MODEL", "m", "n"]), said
        assert sum(path.endswith("m/1/file.bin") for path in server.asked) == 1
        server.asked.clear()
        assert run("models", "--store", url) == (code, said)
        assert server.asked == []
        code, said = run("rollback", "m", "--store", url)
        assert (code, said.startswith(f"Error: {url} can only be read: change the store")) == (1, True)


@pytest.mark.parametrize("url", ["hf://acme/models/prod", "hf://acme/models@main", "hf://acme/models/prod@6a0c"])
def test_what_may_change_is_not_taken_from_the_hub(url, tmp_path):
    with pytest.raises(StartupError, match=r"names no commit.+git ls-remote https://huggingface.co/acme/models main"):
        Store.of(Settings(store=url, store_cache=tmp_path))


def opened(url, tmp_path, name="one", **settings):
    return Store.of(Settings(store=url, store_cache=tmp_path / name, **settings))


def test_an_artifact_is_brought_and_another_one_that_gets_its_tag_is_followed(registry, store, tmp_path):
    url = f"oci://{registry.host}/models/prod:live"
    push(registry.host, "models/prod", "live", files_of(store))
    first = opened(url, tmp_path)
    assert (first.models(), first.versions("m"), first.current("m")) == (["m", "n"], ["1", "2"], "2")
    for version in ("1", "2"):
        first.open("m", version).verify()
    store.promote("m", "1")
    push(registry.host, "models/prod", "live", files_of(store))
    assert opened(url, tmp_path).current("m") == "1"
    with pytest.raises(StartupError, match="can only be read"):
        opened(url, tmp_path).promote("m", "2")
    assert not (opened(url, tmp_path, "other", models=("n",)).root / "m").exists()


@pytest.mark.skipif(REGISTRY is None, reason="needs docker-registry: apt-get install docker-registry")
def test_a_real_registry_gives_what_was_pushed(store, tmp_path):
    with real_registry(tmp_path) as host:
        digest = push(host, "models/prod", "v1", files_of(store))
        by_tag = opened(f"oci://{host}/models/prod:v1", tmp_path)
        by_digest = opened(f"oci://{host}/models/prod@{digest}", tmp_path)
        for each in (by_tag, by_digest):
            assert each.current("m") == "2"
            each.open("m").verify()


def test_what_a_registry_refuses_is_told_in_a_sentence(registry, signed_in, store, tmp_path):
    host = registry.host
    push(host, "models/prod", "live", files_of(store))
    push(host, "models/other", "live", {"readme.md": b"no store"})
    push(host, "models/folder", "live", {"churn": b"tar"}, {"io.deis.oras.content.unpack": "true"})
    for name, told in (
        ("gone:live", "it is not there"),
        ("other:live", "holds no store: of a model it would hold <model>/current"),
        ("folder:live", r"churn is a folder as one archive; push files: oras push \S+ \$\(find churn -type f\)"),
        (f"prod@sha256:{'0' * 64}", "it is not there"),
    ):
        with pytest.raises(StoreUnreachable, match=told):
            opened(f"oci://{host}/models/{name}", tmp_path)
    signed_in("elsewhere.example.com")
    with pytest.raises(StoreUnreachable, match="docker login"):
        opened(f"oci://{host}/models/prod:live", tmp_path)
    with pytest.raises(StartupError, match="expected oci://HOST/REPOSITORY:TAG"):
        opened(f"oci://{host}/models/prod", tmp_path)
    with pytest.raises(StoreUnreachable, match="cannot be read"):
        opened("oci://127.0.0.1:9/models/prod:live", tmp_path)


def test_a_file_that_was_damaged_keeps_its_model_as_it_was(registry, store, tmp_path):
    url = f"oci://{registry.host}/models/prod:live"
    opened_before = push(registry.host, "models/prod", "live", files_of(store)) and opened(url, tmp_path)
    store.promote("m", "1")
    add_small(store, payload=b"another one")
    files = files_of(store)
    push(registry.host, "models/prod", "live", files | {"m/3/file.bin": b"damaged"})
    faults = Snapshot(url, tmp_path / "one", Keys()).pull(everything=True)
    assert list(faults) == ["m"]
    assert "m/3/file.bin has sha256" in faults["m"]
    assert opened_before.current("m") == "2"
    push(registry.host, "models/prod", "live", files)
    assert opened(url, tmp_path).current("m") == "3"
