"""Run folders of servers that were killed, and of others that run."""

import os
import subprocess
import sys
import textwrap

import pytest

from benchmarks.support.serving import ROOT, eventually
from service.server.lifecycle.run_folder import held, make_run_folder

# A server whose master has forked a worker; it writes the worker's process id.
SERVER = textwrap.dedent(
    """
    import os, sys, time
    from service.server.lifecycle.run_folder import make_run_folder
    make_run_folder(sys.argv[1])
    worker = os.fork()
    if worker:
        print(worker, flush=True)
    time.sleep(60)
    """
)


@pytest.fixture
def folder(tmp_path):
    """The function that names the run folder of a process."""
    return lambda pid: tmp_path / f"daylight-{os.getuid()}-{pid}"


@pytest.fixture
def server(folder):
    """(its master, its worker's process id, its run folder)"""
    path = folder("4711")
    with subprocess.Popen([sys.executable, "-c", SERVER, path], cwd=ROOT, stdout=subprocess.PIPE, text=True) as master:
        worker = int(master.stdout.readline())
        try:
            yield master, worker, path
        finally:
            master.kill()
            end(worker)


def end(pid):
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def test_a_killed_servers_folder_is_removed_by_the_next_one(server, folder):
    """They stayed in memory, one for each time that a server was killed."""
    master, worker, path = server
    (path / "metrics").mkdir()
    make_run_folder(folder("1"))
    assert path.exists()  # it runs
    master.kill()
    make_run_folder(folder("2"))
    assert path.exists()  # its worker does
    end(worker)
    eventually(lambda: not held(path), what="the end of the worker")
    make_run_folder(folder("3"))
    assert not path.exists()


def test_a_folder_that_no_server_has_made_stays(folder, tmp_path):
    folder("notes").mkdir()
    (tmp_path / "daylight-99999-1").mkdir()
    make_run_folder(folder("1"))
    assert folder("notes").exists()
    assert (tmp_path / "daylight-99999-1").exists()


def test_the_own_name_is_taken_from_the_dead_and_not_from_the_living(server, folder):
    """In containers every master has the process id 1; those that share /dev/shm took each other's folder."""
    folder("1").mkdir()
    (folder("1") / "rest").touch()
    make_run_folder(folder("1"))
    assert sorted(path.name for path in folder("1").iterdir()) == ["lock"]
    with pytest.raises(OSError, match="another server, in a container that shares .* name another one in DAYLIGHT_RUN"):
        make_run_folder(server[2])


def test_a_strangers_folder_is_left_alone(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder("1").symlink_to(elsewhere)
    with pytest.raises(OSError, match="or a stranger's"):
        make_run_folder(folder("1"))
    assert elsewhere.exists()
