"""The running servers of this machine, found by their run folders."""

import os

import pytest

from service.server.lifecycle.running_servers import announce, running_servers
from service.server.lifecycle.worker_registry import WorkerRegistry
from service.settings import Settings


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def found(folder, store):
    """The master's process ids of the servers that an operator's run folder holds."""
    return [
        server.pid for server in running_servers(store, "m", str(folder)) if server.registry.folder.parent == folder
    ]


def test_a_server_is_found_by_its_store_and_its_models(tmp_path, store):
    for models in ((), ("m", "n"), ("n",)):
        announce(WorkerRegistry(tmp_path, master=os.getpid()), Settings(store=store, models=models))
        assert found(tmp_path, store) == ([] if models == ("n",) else [os.getpid()])
    assert found(tmp_path, tmp_path / "another") == []


@pytest.mark.parametrize("master", ["x", str(os.getpid())], ids=["no number", "a process"])
@pytest.mark.parametrize("content", ["", "[]", "7", "{}", '{"store": 1}'])
def test_a_file_that_no_server_wrote_is_passed_over(tmp_path, store, master, content):
    """The folder of run folders is anybody's to write to; a promotion ended with a traceback."""
    path = tmp_path / f"workers-{master}" / "server"
    path.parent.mkdir()
    path.write_text(content)
    assert found(tmp_path, store) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_what_another_user_wrote_is_passed_over(tmp_path, store):
    """Anybody on the machine could hold up promotions, and keep versions from being removed."""
    announce(WorkerRegistry(tmp_path, master=os.getpid()), Settings(store=store))
    (path,) = tmp_path.glob("workers-*/server")
    stranger = 65534
    os.chown(path, stranger, -1)
    assert found(tmp_path, store) == []
    os.chown(store, stranger, -1)  # the server runs as the owner of the store
    assert found(tmp_path, store) == [os.getpid()]
