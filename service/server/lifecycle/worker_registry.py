"""What the workers of one server tell each other, as small files in the folder they share.

    registry = WorkerRegistry("/dev/shm/daylight-0-41")
    registry.heartbeat(WorkerStatus(WorkerState.READY))
    registry.workers()                      # {43: WorkerStatus(...), 44: WorkerStatus(...)}: those that are alive
    with registry.locked_versions() as table: table["tumour"] = Entry(serving="2")

It knows no models. Every file is replaced as a whole, so that a reader takes no lock; a writer of the table of
versions takes one, which the system releases when its process dies. The time of a worker's last heartbeat is its
file's modification time, set to CLOCK_MONOTONIC, which is the same in every process and never jumps.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import monotonic_ns
from typing import Any

from .change_counter import ChangeCounter
from .rollout_state import Entry, Table
from .worker_status import WorkerState, WorkerStatus

__all__ = ["WorkerRegistry", "alive", "unready"]

SILENT_AFTER = 10.0  # seconds: a heartbeat comes twice a second, and more rarely only from a worker that hangs
HARMFUL = frozenset({WorkerState.IDLE, WorkerState.FAILED, WorkerState.SILENT})  # requests reach them, and fail


class WorkerRegistry:
    """One server's workers, seen from process `pid`; `master` keeps two servers in one folder apart."""

    def __init__(self, folder: Path | str, *, master: int | None = None, pid: int | None = None) -> None:
        self.pid = pid or os.getpid()
        self.folder = Path(folder, f"workers-{master or os.getppid()}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._published: WorkerStatus | None = None
        self._table: Table = {}
        self._table_stamp: tuple[int, int] | None = None

    def heartbeat(self, status: WorkerStatus) -> None:
        """Publish this worker's status if it has changed, and set the file's time."""
        path = self.folder / f"{self.pid}.worker"
        if status != self._published or not path.exists():
            self._replace(path.name, status.to_json())
            self._published = status
        os.utime(path, ns=(monotonic_ns(), monotonic_ns()))

    def drain(self) -> None:
        """Mark this worker as draining. It only creates a file, so that a signal handler may call it."""
        with suppress(OSError):
            os.close(os.open(self.folder / f"{self.pid}.draining", os.O_CREAT | os.O_WRONLY, 0o600))

    def loading(self, versions: Mapping[str, str]) -> None:
        """Journal {model: version} of what this process loads now; `deaths` reads it if the process ends of it."""
        path = self.folder / f"{self.pid}.loading"
        with suppress(OSError):
            if versions:
                self._replace(path.name, versions)
            else:
                path.unlink(missing_ok=True)

    def deaths(self) -> Counter[tuple[str, str]]:
        """{(model, version): how many workers ended while they loaded it}."""
        ended = [path for path in self.folder.glob("*.loading") if not alive(int(path.stem))]
        return Counter(pair for path in ended for pair in (read(path) or {}).items())

    def forget_deaths(self) -> None:
        """Forget `deaths`: the table has them, and a version that is served now has proved itself."""
        for path in self.folder.glob("*.loading"):
            if not alive(int(path.stem)):
                path.unlink(missing_ok=True)

    def forget(self, pid: int) -> None:
        """Delete the files of a process that has ended, by itself or killed."""
        for suffix in ("worker", "draining"):
            with suppress(OSError):
                os.unlink(self.folder / f"{pid}.{suffix}")

    def wipe(self) -> None:
        """Delete all shared state. The master calls it before the first worker and after the last one."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def workers(self) -> dict[int, WorkerStatus]:
        """{process id: status} of the workers that are alive."""
        statuses = {}
        for path in sorted(self.folder.glob("*.worker")):
            pid = int(path.stem)
            try:
                value, heartbeat = read(path), path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if value is None or not alive(pid):
                continue
            status = WorkerStatus.from_json(value)
            if (self.folder / f"{pid}.draining").exists():
                status = replace(status, state=WorkerState.DRAINING)
            elif not status.busy and monotonic_ns() - heartbeat > SILENT_AFTER * 1e9:
                status = replace(status, state=WorkerState.SILENT)
            statuses[pid] = status
        return statuses

    def versions(self) -> Table:
        """{model: Entry}; to be read only. See service.server.lifecycle.rollout_state."""
        try:
            status = (self.folder / "versions").stat()
        except FileNotFoundError:
            return {}
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._table_stamp:
            self._table, self._table_stamp = self._read_versions(), stamp
        return self._table

    @contextmanager
    def locked_versions(self) -> Iterator[Table]:
        """The table, for one process at a time; written when the block ends, unless it raises."""
        with open(self.folder / "versions.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = self._read_versions()
            before = dict(table)
            yield table
            if table != before:
                with self.changes.changing():
                    self._replace("versions", {name: entry.to_json() for name, entry in table.items()})

    @cached_property
    def changes(self) -> ChangeCounter:
        """How often the table of versions has changed."""
        return ChangeCounter(self.folder / "changes")

    def note_predecessor(self, master: int) -> None:
        """This server takes the place of another one, whose workers still answer on the same socket."""
        (self.folder / "predecessor").write_text(str(master), encoding="utf-8")

    def predecessor_serves(self) -> bool:
        with suppress(FileNotFoundError, ValueError):
            return alive(int((self.folder / "predecessor").read_text(encoding="utf-8")))
        return False

    def has_begun(self) -> bool:
        """Whether the server has once been ready as a whole."""
        return (self.folder / "begun").exists()

    def was_ready(self, workers: int) -> bool:
        """As `has_begun`, with this many workers: from now on, if all of them are ready."""
        mark = self.folder / "begun"
        if self.has_begun():
            return True
        if sum(status.state == WorkerState.READY for status in self.workers().values()) < workers:
            return False
        with suppress(OSError):
            mark.touch()
        return True

    def note_asked(self, name: str, what: str, key: str | None) -> None:
        """Note that an admin has asked to load or to unload a model, and with which API key."""
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with open(self.folder / "asked", "a", encoding="utf-8") as file:  # one write of one line: no lock
            # A line begins anew: a full folder, or a killed worker, may have left the half of another one.
            file.write("\n" + json.dumps({"name": name, "what": what, "when": when, "key": key or ""}) + "\n")

    def asked(self, name: str) -> list[dict[str, Any]]:
        """What was noted of a model, oldest first: [{"what", "when", "key"}]."""
        noted = []
        with suppress(FileNotFoundError):
            for line in (self.folder / "asked").read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # half a line
                    noted.append(json.loads(line))
        return [each for each in noted if each.pop("name") == name]

    def _read_versions(self) -> Table:
        return {name: Entry.from_json(value) for name, value in (read(self.folder / "versions") or {}).items()}

    def _replace(self, name: str, value: Any) -> None:
        # Not store.atomic_write: twice a second is too often for fsync, and this folder need not survive the system.
        draft = self.folder / f".{name}.{self.pid}"
        draft.write_text(json.dumps(value), encoding="utf-8")
        draft.replace(self.folder / name)


def unready(registry: WorkerRegistry, workers: int) -> list[dict[str, Any]]:
    """Why a server of so many workers is not ready, one dict for each that is not; empty where it is.

    While the server starts, all of them must be ready. Later those that take requests must be, and one at least:
    a worker that replaces another loads its models before it takes any, and one that leaves takes no new ones.
    """
    statuses = registry.workers()
    others = {pid: status for pid, status in statuses.items() if status.state != WorkerState.READY}
    details = [{"worker": pid, "state": str(status.state), "why": status.why} for pid, status in others.items()]
    if not registry.has_begun():
        # READY, and a model is still being loaded: the others are served meanwhile.
        loading = {pid: status for pid, status in statuses.items() if status.state == WorkerState.READY and status.why}
        if loading:
            starting = [{"worker": pid, "state": "starting", "why": status.why} for pid, status in loading.items()]
            return [*details, *starting]
    if not registry.was_ready(workers):
        return details or [{"state": "starting", "why": f"{len(statuses)} of {workers} workers are there"}]
    if len(others) == len(statuses):
        return details or [{"state": "starting", "why": "no worker is there"}]
    return [detail for detail in details if detail["state"] in HARMFUL]


def read(path: Path) -> dict[str, Any] | None:
    """The JSON of a file; None where there is none any more."""
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
