"""What the workers of a server say of the versions that they run beside the current ones, and which worker died of one.

    states = ShadowStates(registry.folder)
    with states.turn() as mine:                         # False where another worker loads one now
        ...
    states.publish({"tumour": ShadowState("4", "running")})
    states.of_all("tumour")                             # {process id: ShadowState}

Each worker writes one file in the folder that the server's workers share. A worker that dies while it loads a version
leaves its file, which says so to the others.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ...store.atomic_write import atomic_write
from .worker_registry import alive

__all__ = ["LOADING", "REFUSED", "RUNNING", "ShadowState", "ShadowStates"]

LOADING, RUNNING, REFUSED = "loading", "running", "refused"
SUFFIX = ".shadow"


@dataclass(frozen=True)
class ShadowState:
    """state: LOADING, RUNNING or REFUSED. why: of a refusal, a sentence. bytes: of memory that it takes, about."""

    version: str
    state: str
    why: str = ""
    bytes: int = 0


class ShadowStates:
    """folder: of the server's worker registry; None where this process is no worker of a server."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._published: Mapping[str, ShadowState] = {}

    def publish(self, states: Mapping[str, ShadowState]) -> None:
        """Say what this worker makes of its shadows, by model; written where that has changed."""
        if self._folder is None or states == self._published:
            return
        told = json.dumps({name: asdict(state) for name, state in states.items()})
        atomic_write(self._folder / f"{os.getpid()}{SUFFIX}", told, mode=0o600)
        self._published = dict(states)

    def of_all(self, model: str) -> dict[int, ShadowState]:
        """{process id: what that worker says}, of the workers that are alive."""
        return {pid: states[model] for pid, states in self._read().items() if alive(pid) and model in states}

    def deaths(self, model: str, version: str) -> bool:
        """Whether a worker ended while it loaded this version."""
        wanted = version, LOADING
        return any(
            not alive(pid) and model in states and (states[model].version, states[model].state) == wanted
            for pid, states in self._read().items()
        )

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether this worker may load a version now: one at a time may, so that a version ends one process at most."""
        if self._folder is None:
            yield True
            return
        descriptor = os.open(self._folder / "shadow.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                mine = True
            except BlockingIOError:
                mine = False
            yield mine
        finally:
            os.close(descriptor)

    def _read(self) -> dict[int, dict[str, ShadowState]]:
        found: dict[int, dict[str, ShadowState]] = {}
        for path in self._folder.glob(f"*{SUFFIX}") if self._folder else ():
            with suppress(OSError, ValueError, TypeError, AttributeError):
                told = json.loads(path.read_text(encoding="utf-8"))
                found[int(path.stem)] = {name: ShadowState(**state) for name, state in told.items()}
        return found
