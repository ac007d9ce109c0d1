"""A server whose master cannot do what a signal asks of it, or get a process of the system, serves as before."""

import os
import shutil
import signal
from contextlib import contextmanager

import requests

from benchmarks.support.serving import ROOT, eventually, live_server
from tests.support.workers import AS_MODULE, alive, replaced

CONFIGURED = """
import os

exec(open({configuration!r}).read())
fork = os.fork


def fork_if_there_is_room():
    if os.path.exists({full!r}):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()


os.fork = fork_if_there_is_room
"""


@contextmanager
def full_now_and_then(store, tmp_path):
    """(a server, a path): while there is a file, the system has no process to give."""
    configuration, full = tmp_path / "gunicorn.conf.py", tmp_path / "full"
    configuration.write_text(CONFIGURED.format(configuration=str(ROOT / "gunicorn.conf.py"), full=str(full)))
    with live_server(store, workers=2, command=[*AS_MODULE, "--config", str(configuration)]) as server:
        yield server, full


def answers(server):
    return requests.get(f"{server}/v1/models/iris", timeout=10).ok


def test_a_worker_that_the_system_has_no_process_for_is_started_later(tabular_store, tmp_path):
    """The error ended gunicorn's loop, and with it the workers that answered well."""
    with full_now_and_then(tabular_store, tmp_path) as (server, full):
        (killed, other) = before = server.workers()
        full.touch()
        os.kill(killed, signal.SIGKILL)
        eventually(
            lambda: server.log.count("a worker cannot be started, which is tried again") > 1, what="two attempts"
        )
        assert server.workers() == [other]
        assert answers(server)
        full.unlink()
        eventually(lambda: replaced(server, before), what="another worker")


def test_a_reload_that_the_system_has_no_process_for_is_given_up(tabular_store, tmp_path):
    with full_now_and_then(tabular_store, tmp_path) as (server, full):
        before = server.workers()
        full.touch()
        server.process.send_signal(signal.SIGHUP)
        said = "the reload is given up, and the old workers stay: a worker cannot be started"
        eventually(lambda: said in server.log, what="giving up")
        assert (server.workers(), answers(server)) == (before, True)
        full.unlink()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: not set(before) & set(server.workers()), what="new workers")


def test_a_reload_whose_settings_are_wrong_is_given_up(tabular_store, tmp_path):
    """The master ended with the sentence that is meant for a start, and left its workers alone."""
    folder = tmp_path / "log"
    with live_server(tabular_store, workers=2, env={"DAYLIGHT_PREDICTION_LOG": str(folder)}) as server:
        before = server.workers()
        shutil.rmtree(folder)
        folder.touch()
        server.process.send_signal(signal.SIGHUP)
        said = f"stay: daylight refuses to start: DAYLIGHT_PREDICTION_LOG: {folder} cannot be made"
        eventually(lambda: said in server.log, what="giving up")
        assert (server.workers(), answers(server)) == (before, True)
        folder.unlink()
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: replaced(server, before), what="another worker")
        ready = f"{server}/health/ready"  # so it has found the others, in the run folder that its environment names
        eventually(lambda: requests.get(ready, timeout=10).ok, what="readiness")
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: not set(before) & set(server.workers()), what="new workers")


def test_an_upgrade_that_finds_nothing_to_execute_leaves_the_server_as_it_is(tabular_store, tmp_path):
    """The folder of the old release was deleted before USR2: what should have become the new server ended the
    workers of the old one, whose master it took itself for."""
    release = tmp_path / "release"
    release.mkdir()
    command = [*AS_MODULE, "--config", str(ROOT / "gunicorn.conf.py")]
    with live_server(tabular_store, workers=2, command=command, cwd=release) as server:
        before = server.workers()
        release.rmdir()
        said = "no new server can be started, and this one stays: [Errno 2]"
        for count in (1, 2):
            server.process.send_signal(signal.SIGUSR2)
            eventually(lambda count=count: server.log.count(said) == count, what="giving up")
            eventually(lambda: server.children() == before, what="the end of what was forked")
        assert all(map(alive, before))
        assert answers(server)
        release.mkdir()  # for the workers that TERM lets end
