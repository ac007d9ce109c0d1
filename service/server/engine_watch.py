"""gunicorn's master starts the engine process, looks at it in its own loop, and starts another one where it ended.

    look_in_loop(server, running)   # of master_loop, once: from now on the master looks at every engine
    start(server, folder)
    retire(folder)                  # after a reload: the other engines go with the workers that use them
    discard(server, folder)         # after one that was given up: this one goes, and the other stays
    stop_all()

The process is executed afresh, never forked from the master as it stands, and inherits no socket. The master gets no
thread for it: threads do not survive the forks of its workers.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..models.engine import ENDED_BY_ITSELF, HANGS, SOCKET
from ..settings import CGROUP, PREFIX

__all__ = ["ENVIRON", "discard", "end", "retire", "running", "start", "stop_all"]

ENVIRON = f"{PREFIX}ENGINE_SOCKET"  # tells a worker where its engine listens
PROGRAM = f"{__package__.rpartition('.')[0]}.models.engine"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before another engine; it doubles with each that ends early
CALM = 60.0  # seconds after which an engine did not end early
END_SECONDS = 3.0  # that a process of the master has for ending

running: list[EngineWatch] = []  # oldest first


class EngineWatch:
    """One engine process after the other, in one folder. server: gunicorn's Arbiter."""

    def __init__(self, server: Any, folder: str) -> None:
        self.server, self.folder = server, Path(folder)
        self.retired = False
        self._process: subprocess.Popen | None = None
        self._began = 0.0
        self._again = 0.0  # when another one may be started
        self._pause = 0.0
        self._silent = False  # whether it was ended for giving no sign of life
        self._blame = False
        self._oom_kills = 0

    def start(self, *, blame: bool = False) -> None:
        """blame: whether the last one died of the prompts that it worked on."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._began, self._silent, self._oom_kills = time.monotonic(), False, oom_kills()
        arguments = [str(self.folder), str(os.getpid()), *(["blame"] if blame else [])]
        self._process = subprocess.Popen([sys.executable, "-m", PROGRAM, *arguments], stdin=subprocess.DEVNULL)

    def look(self) -> None:
        """Start another one where it has ended; end it where it gives no sign of life. At least once a second."""
        if self._process is None:
            if not self.retired and self.server.LISTENERS and time.monotonic() >= self._again:
                self.start(blame=self._blame)
            return
        code = self._process.poll()
        if code is None:
            self._end_if_silent(self._process)
            return
        pid, self._process = self._process.pid, None
        if self.retired:
            running.remove(self)
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        # Whoever sends SIGKILL means the process; the system means what takes all memory.
        killed = code == -signal.SIGKILL and not self._silent and oom_kills() == self._oom_kills
        early = time.monotonic() - self._began < CALM and not killed
        # The first successor comes at once: most engines that end do so once.
        self._again = time.monotonic() + self._pause * early
        self._pause = min(LONGEST_PAUSE, 2 * self._pause or FIRST_PAUSE) if early else 0.0
        self._blame = not killed and code not in (0, ENDED_BY_ITSELF)
        with suppress(FileNotFoundError):
            os.unlink(self.folder / SOCKET)  # or the workers would be refused by it, instead of finding none
        self.server.log.error("the engine process %d ended (%s); another one is started", pid, code)

    def _end_if_silent(self, process: subprocess.Popen) -> None:
        try:
            heartbeat = os.stat(self.folder / SOCKET).st_mtime_ns / 1e9
        except FileNotFoundError:
            heartbeat = self._began  # it listens within a second
        if time.monotonic() - max(heartbeat, self._began) > HANGS + 5:  # it would have ended itself, if it could
            self._silent = True
            process.kill()

    def retire(self) -> None:
        """It ends by itself when the last worker that uses it has ended, and has no successor."""
        self.retired = True
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End it now."""
        if self._process is not None:
            end(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)


def end(process: subprocess.Popen[Any]) -> None:
    """Let a process of the master end, or kill it after END_SECONDS."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def start(server: Any, folder: str) -> None:
    watch = EngineWatch(server, folder)
    running.append(watch)
    watch.start()


def retire(newest: str | None) -> None:
    """Retire all engines but the one in this folder."""
    for watch in running:
        if str(watch.folder) != newest:
            watch.retire()


def discard(server: Any, folder: str | None) -> None:
    """End the engine in this folder: its workers never began. Those that are forked later use the one before."""
    for watch in [watch for watch in running if str(watch.folder) == folder]:
        running.remove(watch)
        watch.stop()
    others = [line for line in server.cfg.settings["raw_env"].get() if not line.startswith(f"{ENVIRON}=")]
    before = [f"{ENVIRON}={watch.folder / SOCKET}" for watch in running if not watch.retired]
    last = before[-1] if before else f"{ENVIRON}="
    server.cfg.set("raw_env", [*others, last])  # gunicorn's workers begin with it


def stop_all() -> None:
    while running:
        running.pop().stop()


def oom_kills() -> int:
    """How many processes the system, and this container, have ended for want of memory."""
    count = 0
    for path in (Path("/proc/vmstat"), CGROUP / "memory.events"):
        with suppress(OSError, ValueError):
            lines = dict(line.split() for line in path.read_text().splitlines())
            count += int(lines.get("oom_kill", 0))
    return count
