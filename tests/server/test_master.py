"""What workers do when their master is killed, or what they share with it is removed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from benchmarks.support.serving import ROOT, eventually, gunicorn, live_server
from tests.support.workers import CLASSES, alive, replaced

HALF = b"POST /v1/models/iris:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"


@CLASSES
def test_workers_end_within_seconds_of_a_killed_master(tabular_store, env):
    """Even with clients that have sent half a request, for which a thread waits. It took 30 to 60 seconds."""
    # live_server finds that the server has not ended by itself.
    with pytest.raises(AssertionError), live_server(tabular_store, workers=2, env=env) as server:
        where = urlsplit(server)
        workers = server.workers()
        slow = [socket.create_connection((where.hostname, where.port)) for _ in range(6)]
        for one in slow:
            one.sendall(HALF)
        assert requests.get(f"{server}/health/live", timeout=10).ok
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not any(map(alive, workers)), seconds=15, what="the end of the workers")
    for one in slow:
        one.close()


@CLASSES
def test_a_removed_run_folder_ends_the_server_with_a_sentence(tabular_store, tmp_path, env):
    """Nobody could be ready again, and /metrics answered 500; a service manager starts it anew."""
    folder = tmp_path / "run"
    with live_server(tabular_store, workers=2, env={**env, "DAYLIGHT_RUN_FOLDER": str(folder)}) as server:
        shutil.rmtree(folder)
        eventually(lambda: server.process.poll() is not None, what="the end of the server")
        assert f"the run folder {folder} was removed: the server ends" in server.log


def test_a_taken_port_leaves_no_run_folder(tabular_store, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
        environ = {**os.environ, "DAYLIGHT_STORE": str(tabular_store), "PORT": str(taken.getsockname()[1])}
        with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
            _, said = process.communicate(timeout=60)
    assert "in use" in said
    for parent in ("/dev/shm", tempfile.gettempdir()):
        assert not Path(parent, f"daylight-{os.getuid()}-{process.pid}").exists()


def test_a_file_that_nobody_can_read_costs_only_what_it_counted(tabular_store, tmp_path):
    """gunicorn ends the whole server where a hook raises: one killed worker would have ended the others."""
    with live_server(tabular_store, workers=2, env={"DAYLIGHT_RUN_FOLDER": str(tmp_path)}) as server:
        (killed, other) = server.workers()
        (tmp_path / "metrics" / f"counter_{2**22 + 1}.db").write_bytes(b"no number")  # no process has this id
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: replaced(server, [killed, other]), what="another worker")
        assert other in server.workers()
        assert f"what worker {killed} counted is not merged yet" in server.log


def test_code_that_was_broken_later_costs_the_killed_worker_alone(tabular_store, tmp_path):
    """gunicorn ends the server where a worker cannot import its application, though the others answer well."""
    broken = tmp_path / "broken"
    (tmp_path / "later.py").write_text(
        f"import os\nif os.path.exists({str(broken)!r}):\n    raise ImportError('half installed')\n"
        "from wsgi import app\n"
    )
    command = [*gunicorn("later:app"), "--pythonpath", str(tmp_path)]
    with live_server(tabular_store, workers=2, command=command) as server:
        (killed, other) = server.workers()
        broken.touch()
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: "Worker failed to boot. Another one is started in" in server.log, what="the failed start")
        assert requests.get(f"{server}/health/live", timeout=10).ok
        broken.unlink()
        eventually(lambda: replaced(server, [killed, other]), what="another worker")
        assert other in server.workers()
