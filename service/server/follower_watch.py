"""gunicorn's master lets a process bring a store elsewhere before it starts, and follow it while it runs.

    folder = brought("s3://models/prod", settings)      # before anything else looks at the store
    start(server, "s3://models/prod")                   # when the sockets are open
    stop()

The master itself never speaks to the network. Another follower is started where one has ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..errors import StartupError
from ..settings import Settings
from ..store.remote.places import folder_of
from .engine_watch import end
from .master_loop import look_in_loop

__all__ = ["brought", "start", "stop"]

PROGRAM = f"{__package__}.store_follower"
PAUSE = 5.0  # seconds before another one is started

running: list[FollowerWatch] = []  # at most one


class FollowerWatch:
    """One follower after the other. server: gunicorn's Arbiter."""

    def __init__(self, server: Any, url: str) -> None:
        self.server, self.url = server, url
        self._process = self._started()
        self._again: float | None = None  # when another one is started

    def _started(self) -> subprocess.Popen:
        command = [sys.executable, "-m", PROGRAM, self.url, str(os.getpid())]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def look(self) -> None:
        """Start another one where it has ended."""
        if self._process.poll() is None:
            return
        if self._again is None:
            self._again = time.monotonic() + PAUSE
            self.server.log.error("the process that follows %s ended; another one is started", self.url)
        elif time.monotonic() >= self._again and self.server.LISTENERS:
            self._process, self._again = self._started(), None

    def stop(self) -> None:
        end(self._process)


def brought(url: str, settings: Settings) -> Path:
    """The folder that follows a URL, brought up to date unless a follower runs already.

    Raises StartupError where the store cannot be reached and nothing was ever brought from it.
    """
    if not running:
        command = [sys.executable, "-m", PROGRAM, url]
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            raise StartupError(ran.stdout.strip() or f"the process that brings {url} ended ({ran.returncode})")
    return folder_of(url, settings.store_cache)


def start(server: Any, url: str) -> None:
    """Follow the URL, looked at by the master's loop from now on."""
    running.append(FollowerWatch(server, url))
    look_in_loop(server, running)


def stop() -> None:
    while running:
        running.pop().stop()
