"""What the workers of one server tell each other, as small files in the folder they share.

    registry = WorkerRegistry("/dev/shm/daylight-0-41")
    registry.heartbeat(state="ready", votes={})
    registry.workers()                      # {43: {"state": "ready", ...}, 44: {...}}: those that are alive
    with registry.locked_versions() as table: table["tumour"] = {"serving": "2"}

It knows no models. Every file is replaced whole, so reading takes no lock; the table of versions is changed under
one, which the system takes from a process that dies. When a worker was last heard of is its file's time of change,
set to CLOCK_MONOTONIC, which is the same in every process and never jumps.
"""

import copy
import fcntl
import json
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic_ns

__all__ = ["WorkerRegistry", "unready"]

SILENT = 10.0  # seconds: the beat comes twice a second, and more rarely only from a worker that hangs


class WorkerRegistry:
    """One server's workers, seen from process `pid`; `master` keeps two servers in one folder apart."""

    def __init__(self, folder, *, master=None, pid=None):
        self.pid = pid or os.getpid()
        self.folder = Path(folder, f"workers-{master or os.getppid()}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._said = {}
        self._table_seen, self._table = None, {}

    def heartbeat(self, **news):
        """Publish this worker's status, merged into the previous one, and update its heartbeat: the file's time."""
        said = self._said | copy.deepcopy(news)
        path = self.folder / f"{self.pid}.worker"
        if said != self._said or not path.exists():
            self._replace(path.name, said)
            self._said = said
        os.utime(path, ns=(monotonic_ns(), monotonic_ns()))

    def drain(self):
        """Mark this worker as draining. It only creates a file, so that a signal handler may call it."""
        with suppress(OSError):
            os.close(os.open(self.folder / f"{self.pid}.draining", os.O_CREAT | os.O_WRONLY, 0o600))

    def forget(self, pid):
        """Delete the files of a process that has ended, by itself or killed."""
        for kind in ("worker", "draining"):
            with suppress(OSError):
                os.unlink(self.folder / f"{pid}.{kind}")

    def wipe(self):
        """Delete all shared state. The master calls it before the first worker and after the last one."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def workers(self):
        """{pid: what it said} of the workers that are alive. A "state" is starting; ready; idle (it could serve, and
        has no model, or one that failed); failed (it cannot load its models); draining; or silent."""
        found = {}
        for path in sorted(self.folder.glob("*.worker")):
            pid = int(path.stem)
            try:
                said, beat = read(path), path.stat().st_mtime_ns
            except FileNotFoundError:
                continue
            if said is None or not alive(pid):
                continue
            if (self.folder / f"{pid}.draining").exists():
                said["state"] = "draining"
            elif not said.get("busy") and monotonic_ns() - beat > SILENT * 1e9:
                said["state"] = "silent"
            found[pid] = said
        return found

    def versions(self):
        """{model: what was decided of its versions}; to be read only. See service.server.lifecycle.rollout."""
        path = self.folder / "versions"
        try:
            seen = path.stat()
        except FileNotFoundError:
            return {}
        seen = (seen.st_mtime_ns, seen.st_ino)
        if seen != self._table_seen:
            self._table, self._table_seen = read(path) or {}, seen
        return self._table

    @contextmanager
    def locked_versions(self):
        """The table, for one process at a time; written when the block ends, unless it raises."""
        with open(self.folder / "versions.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            table = read(self.folder / "versions") or {}
            before = json.dumps(table)
            yield table
            if json.dumps(table) != before:
                self._replace("versions", table)

    def was_ready(self, workers):
        """Whether the server has once been ready as a whole, with this many workers."""
        mark = self.folder / "begun"
        if mark.exists():
            return True
        if sum(said["state"] == "ready" for said in self.workers().values()) < workers:
            return False
        with suppress(OSError):
            mark.touch()
        return True

    def _replace(self, name, value):
        draft = self.folder / f".{name}.{self.pid}"
        draft.write_text(json.dumps(value), encoding="utf-8")
        draft.replace(self.folder / name)


def unready(registry, workers):
    """Why a server of so many workers is not ready, one dict for each that is not; empty where it is.

    While the server starts, all of them must be ready. Later those that take requests must be, and one at least:
    a worker that replaces another loads its models before it takes any, and one that leaves takes no new ones.
    """
    found = registry.workers()
    told = [
        {"worker": pid, "state": said["state"], "why": said.get("why", "")}
        for pid, said in found.items()
        if said["state"] != "ready"
    ]
    if not registry.was_ready(workers):
        return told or [{"state": "starting", "why": f"{len(found)} of {workers} workers are there"}]
    if len(told) == len(found):
        return told or [{"state": "starting", "why": "no worker is there"}]
    return [one for one in told if one["state"] in ("idle", "failed", "silent")]


def read(path):
    """The JSON of a file; None where there is none any more."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
