"""The servers that run on this machine, found by their run folders, and what became of a version in each.

    servers = running_servers("artifacts", "tumour")
    servers[0].taken("tumour", "2")             # False, then True, or servers[0].refusal(...) says why not

A server announces itself in its part of the run folder; only its own user, and root, can read that. Anybody may make
folders beside it, so what counts is what this user, root, or the owner of the store has written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...settings import Settings
from .rollout_state import Entry
from .run_folder import memory_folder
from .worker_registry import WorkerRegistry, alive
from .worker_status import SERVING

__all__ = ["RunningServer", "announce", "running_servers"]

ANNOUNCED = "server"


def announce(registry: WorkerRegistry, settings: Settings) -> None:
    """Tell the commands of this machine which store this server serves. The registry's `wipe` ends it."""
    registry.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = {"store": os.path.realpath(settings.store), "models": settings.models}
    (registry.folder / ANNOUNCED).write_text(json.dumps(told), encoding="utf-8")


@dataclass(frozen=True)
class RunningServer:
    """pid: of its master."""

    pid: int
    registry: WorkerRegistry

    def serves(self, name: str, version: str) -> bool:
        """Whether a worker answers with this version where a caller names none."""
        entry = self.registry.versions().get(name, Entry())
        return entry.serving == version or any(
            status.serving.get(name) == version for status in self.registry.workers().values()
        )

    def refusal(self, name: str, version: str, stamp: object) -> str | None:
        """Why the server does not take the version that the store names since `stamp`; None where it may yet."""
        entry = self.registry.versions().get(name, Entry())
        if entry.unloaded:
            return "an admin has unloaded the model"
        if entry.refused and entry.stamp == stamp and entry.refused.version in (version, None):
            return entry.refused.reason
        return None

    def taken(self, name: str, version: str) -> bool:
        """Whether all workers that serve answer with this version."""
        entry = self.registry.versions().get(name, Entry())
        serving = [status for status in self.registry.workers().values() if status.state in SERVING]
        return entry.proposal is None and bool(serving) and all(s.serving.get(name) == version for s in serving)


def running_servers(store: Path | str, name: str, run_folder: str = "") -> list[RunningServer]:
    """The servers of this machine that serve this model of this store.

    run_folder: one that an operator has named (DAYLIGHT_RUN_FOLDER), where those that servers make are not enough.
    """
    folders = [*Path(memory_folder()).glob("daylight-*-*"), *([Path(run_folder)] if run_folder else [])]
    return [
        server
        for folder in folders
        for path in sorted(folder.glob(f"workers-*/{ANNOUNCED}"))
        if believed(path, store) and (server := announced(path, os.path.realpath(store), name)) is not None
    ]


def believed(path: Path, store: Path | str) -> bool:
    """Whether somebody wrote this file who may change the store as well."""
    try:
        return path.stat().st_uid in (os.getuid(), 0, os.stat(store).st_uid)
    except OSError:
        return False


def announced(path: Path, store: str, name: str) -> RunningServer | None:
    """The server that has written this file, if it runs and serves the model; None for a file that no server wrote."""
    try:
        master = int(path.parent.name.partition("-")[2])
        told = json.loads(path.read_text(encoding="utf-8"))
        served: str = told["store"]
        models: Sequence[str] = told["models"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if served != store or (models and name not in models) or not alive(master):
        return None
    return RunningServer(master, WorkerRegistry(path.parent.parent, master=master))
