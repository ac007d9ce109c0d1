"""Start a module in a box, hand on what it prints, and end it where it goes over its limits."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any

from .bubblewrap import PROGRAM, arguments
from .limits import Limits
from .visible import search_path
from .watch import Watch

__all__ = ["Box", "Outcome"]

LOOKS_EVERY = 0.1  # seconds; a look takes some milliseconds
CHUNK = 2**16
Writer = Callable[[bytes], None]


@dataclass(frozen=True)
class Outcome:
    """status: of the process, 128 and the signal where one has ended it. fault: the limit that it went over."""

    status: int
    fault: str | None = None


@dataclass(frozen=True)
class Box:
    """module: is run as `python -m`, with the request on its standard input. folder: all that it may write, which it
    finds at the path `seen_as`. reads: paths that it may read. hides: files that it must not read, wherever they are.
    environment: its variables, besides those that Python needs.
    """

    module: str
    folder: Path
    seen_as: Path
    limits: Limits
    reads: Sequence[Path] = ()
    hides: Sequence[str] = ()
    environment: dict[str, str] | None = None

    def run(self, request: bytes, out: Writer, err: Writer) -> Outcome:
        """Wait until it and everything that it started has ended. out, err: get what it prints."""
        with self.started() as (process, pid):
            relays = [Thread(target=relay, args=pipe) for pipe in ((process.stdout, out), (process.stderr, err))]
            for each in relays:
                each.start()
            feed(process.stdin, request)
            fault = None if pid is None else until_ended(process, pid, Watch(pid, self.folder, self.limits))
            status = process.wait()
            for each in relays:
                each.join()
        return Outcome(status, fault)

    @contextmanager
    def started(self) -> Iterator[tuple[subprocess.Popen[bytes], int | None]]:
        """(the process of bwrap, the id of the first process in the box; None where the box was not made)."""
        paths = [os.path.abspath(path) for path in self.reads]
        words = arguments(self.folder, os.path.abspath(self.seen_as), paths, map(os.path.abspath, self.hides))
        command = [sys.executable, "-P", "-m", self.module]
        told, tell = os.pipe()
        with tempfile.TemporaryFile() as file, os.fdopen(told, "rb") as info:
            file.write(b"".join(os.fsencode(word) + b"\0" for word in words))
            file.seek(0)
            try:
                process = subprocess.Popen(
                    [PROGRAM, "--args", str(file.fileno()), "--info-fd", str(tell), "--", *command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=(file.fileno(), tell),
                    env=self.variables(),
                )
            finally:
                os.close(tell)
            try:
                yield process, first_process(info)
            finally:
                process.kill()
                process.wait()

    def variables(self) -> dict[str, str]:
        own = {
            "HOME": "/tmp",
            "USER": "sandbox",
            "PYTHONPATH": os.pathsep.join(search_path()),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return (self.environment or {}) | own


def first_process(info: IO[bytes]) -> int | None:
    """The id that bwrap tells, in one JSON document; None where it ends without."""
    text = info.read()
    return int(json.loads(text)["child-pid"]) if text else None


def until_ended(process: subprocess.Popen[bytes], pid: int, watch: Watch) -> str | None:
    """Wait for the first process of the box; all others have ended when it has. Returns the limit it went over."""
    fault = None
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        while not poll.poll(LOOKS_EVERY * 1000):
            fault = fault or watch.fault()
            if fault:
                process.kill()  # the first process of the box dies with it, and all others with that one
        return fault
    finally:
        os.close(descriptor)


def feed(pipe: Any, request: bytes) -> None:
    with suppress(BrokenPipeError), pipe:  # it may have ended already
        pipe.write(request)


def relay(pipe: IO[bytes], write: Writer) -> None:
    with pipe:
        while chunk := os.read(pipe.fileno(), CHUNK):
            write(chunk)
