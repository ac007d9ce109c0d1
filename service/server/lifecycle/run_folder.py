"""The run folder: what the processes of one server share while it runs.

    path = f"{memory_folder()}/daylight-{os.getuid()}-{os.getpid()}"
    make_run_folder(path)       # the master, before its first fork; OSError where it is another server's

A master that is killed leaves its folder, and memory is scarce: the next server of the same user removes it. What says
that nobody uses a folder is a lock in it, held by the master and whatever was forked from it. Process ids do not:
containers that share /dev/shm have the same ones for different processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["make_run_folder", "memory_folder"]

LOCK = "lock"


def memory_folder() -> str:
    """Where run folders are made: in memory where the system has such a folder.

    A heartbeat on a slow disk makes a busy worker look dead.
    """
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


def make_run_folder(path: str) -> None:
    """Make the folder, empty and mode 0700, and hold it until this process and all forked from it have ended.

    Removes those that ended servers of this user have left beside it. Raises OSError.
    """
    folder = Path(path)
    for other in folder.parent.glob(f"daylight-{os.getuid()}-*"):
        if is_ours(other) and (other == folder or (other / LOCK).exists()) and not held(other):
            shutil.rmtree(other, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        raise OSError(
            f"{folder} is the run folder of another server, in a container that shares {folder.parent} with this one,"
            " or a stranger's: name another one in DAYLIGHT_RUN_FOLDER"
        ) from None
    draft = folder / f".{LOCK}"
    lock = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # it stays open until the process has ended
    fcntl.flock(lock, fcntl.LOCK_EX)
    draft.rename(folder / LOCK)  # held already: no other server finds it free


def is_ours(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        status = folder.lstat()
        return status.st_uid == os.getuid() and not folder.is_symlink()
    return False


def held(folder: Path) -> bool:
    """Whether a process of a server has the folder's lock."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
