"""The real server, in a process of its own, for tests and benchmarks.

    with live_server(store) as url:
        requests.get(f"{url}/health/ready")

Whatever happens inside, it ends: TERM, an exit code that must be 0, and its log on failure.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

__all__ = ["OWN_SETTINGS", "ROOT", "Server", "eventually", "gunicorn", "launch", "live_server", "refusal", "stop"]

ROOT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"Listening at: (\S+)")
OWN_SETTINGS = re.compile(
    r"DAYLIGHT_.*|HOST|PORT|BIND|WORKERS|THREADS|WORKER_CLASS|MAX_REQUESTS|GUNICORN_CMD_ARGS|WEB_CONCURRENCY"
)


def eventually(condition, seconds=120, what="the condition"):
    """Ask until `condition()` is truthy and return that; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about in {seconds} s")
        time.sleep(0.05)


class Server(str):
    """The base URL of a running server, which also knows its process and its log."""

    process: subprocess.Popen
    log_path: Path

    @property
    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self):
        """The process id of gunicorn's master."""
        return self.process.pid

    def children(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def workers(self):
        """The process ids of the workers there are now."""
        return [pid for pid in self.children() if not is_engine(pid)]

    def engines(self):
        """The process ids of the engine processes there are now."""
        return [pid for pid in self.children() if is_engine(pid)]


def is_engine(pid):
    """Whether a process runs the text models; one that has ended runs nothing."""
    with contextlib.suppress(OSError):
        return b"models.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def gunicorn(app="wsgi:app"):
    return [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), app]


def environment(store, workers, threads, bind, extra):
    """This process's environment, less every setting of the service, plus those asked for."""
    inherited = {name: value for name, value in os.environ.items() if not OWN_SETTINGS.fullmatch(name)}
    settings = {
        "DAYLIGHT_STORE": str(store),
        "HOST": "127.0.0.1",
        "PORT": "0",  # the system picks a free one, and the log tells which: no race for it
        "WORKERS": str(workers),
        "THREADS": str(threads),
        "PYTHONPATH": str(ROOT),  # for estimators that the tests define
        "PYTHONWARNINGS": "error",  # in the server as in the tests
    }
    return inherited | settings | ({"BIND": bind, "DAYLIGHT_OPEN": "yes"} if bind else {}) | (extra or {})


@contextlib.contextmanager
def launch(store, *, env=None, workers=1, threads=8, bind=None, command=None, cwd=ROOT):
    """Start gunicorn and yield the Server as soon as it listens; in the end kill what is left of it."""
    with tempfile.TemporaryDirectory(prefix="daylight-test-") as folder:
        log_path = Path(folder, "log")
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command or gunicorn(),
                cwd=cwd,
                env=environment(store, workers, threads, bind, env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            told = eventually(
                lambda: LISTENING.search(log_path.read_text(errors="replace")) or process.poll() is not None,
                what="listening",
            )
            assert told is not True, f"the server ended with code {process.returncode}:\n{log_path.read_text()}"
            server = Server(told[1])
            server.process, server.log_path = process, log_path
            yield server
        except BaseException:
            print(f"--- the server's log\n{log_path.read_text(errors='replace')}", file=sys.stderr)
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def live_server(store, **options):
    """A server that is ready, as its URL (a str). Leaving the block ends it and checks that it ended well.

    options: env, more variables for it; workers (1), threads (8); bind, `unix:/path` instead of a
    free port of 127.0.0.1 (then it is not waited for); command and cwd, where another than
    `gunicorn()` in the repository starts it. Raises AssertionError, the server's log on stderr.
    """
    with launch(store, **options) as server:
        if server.startswith("http"):
            eventually(lambda: ready(server), what=f"{server} being ready")
        yield server
        code = stop(server)
        assert code == 0, f"the server ended with code {code} after TERM"


def ready(server, url=None):
    """Whether it serves; url: where it is asked, if not directly."""
    assert server.process.poll() is None, f"the server ended with code {server.process.returncode}"
    try:
        return requests.get(f"{url or server}/health/ready", timeout=10).ok
    except (requests.ConnectionError, requests.Timeout):  # it listens before its models are loaded
        return False


def stop(server, seconds=90):
    """TERM to the master, as a supervisor sends it; returns the exit code."""
    server.process.terminate()
    return server.process.wait(timeout=seconds)


def refusal(store, *, env=None, workers=1, threads=8, seconds=60):
    """Start a server that must refuse to: (exit code, everything it said)."""
    ended = subprocess.run(
        gunicorn(),
        cwd=ROOT,
        env=environment(store, workers, threads, None, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    return ended.returncode, ended.stdout
