"""A store in Azure Blob Storage, as Microsoft's emulator speaks it: two hosts, one store, and who was quicker."""

import contextlib
import os
import socket
import subprocess

import pytest
from azure.storage.blob import BlobServiceClient

from benchmarks.support.serving import ROOT, eventually
from service.errors import StoreChanged, StoreUnreachable
from service.settings import Settings
from service.store.remote.objects import objects_at
from service.store.versions import Store
from tests.support.stores import add_small

HOME = ROOT / ".venv-clients" / "azurite"
# The account that every emulator has, with the key that Microsoft publishes for it.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.fixture
def host(tmp_path, monkeypatch):
    """host("a"): the store az://models/prod as a command on the host a opens it."""
    if not (HOME / ".installed").exists():
        pytest.skip("azurite is not installed here: make .venv-clients/azurite/.installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    account = f"AccountName=devstoreaccount1;AccountKey={KEY}"
    connection = f"DefaultEndpointsProtocol=http;{account};BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    command = [HOME / "node_modules" / ".bin" / "azurite-blob", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    process = subprocess.Popen(
        [*command, "--inMemoryPersistence", "--skipApiVersionCheck"],
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def listens():
        assert process.poll() is None, "azurite ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    try:
        eventually(listens, what="azurite")
        with BlobServiceClient.from_connection_string(connection) as client:
            client.create_container("models")
        yield lambda name, url="az://models/prod": Store.of(Settings(store=url, store_cache=tmp_path / name))
    finally:
        objects_at.cache_clear()
        process.kill()
        process.wait()


def test_two_hosts_share_a_store_in_azure(host):
    one = host("one")
    add_small(one)
    add_small(one)
    two = host("two")
    assert (two.versions("m"), two.current("m")) == (["1", "2"], "2")
    for version in ("1", "2"):
        two.open("m", version).verify()
    one.promote("m", "1")
    with pytest.raises(StoreChanged, match="was changed meanwhile"):
        two.promote("m", "2")
    two = host("two")
    assert (two.current("m"), two.rollback("m")) == ("1", "2")
    add_small(two)
    two.remove("m", "1")
    assert (host("one").versions("m"), host("three").current("m")) == (["2", "3"], "3")
    with pytest.raises(StoreUnreachable, match="there is no bucket nowhere; make it first"):
        host("one", "az://nowhere/prod")
