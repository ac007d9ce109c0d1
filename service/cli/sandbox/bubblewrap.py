"""The arguments of `bwrap`, and whether it works on this machine.

why_not()             # None, or "bubblewrap is not installed: apt-get install bubblewrap"
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from .visible import SYSTEM, python_paths

__all__ = ["PROGRAM", "arguments", "why_not"]

PROGRAM = "bwrap"
ISOLATED = (
    *("--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"),
    *("--die-with-parent", "--new-session"),  # no way to type into the terminal
)
MEMORY_FILES = 2**28  # bytes that /tmp and /dev/shm hold, each; they are memory that no process is charged for


def why_not() -> str | None:
    """Why no box can be made here, and what helps; None where it can."""
    if sys.platform != "linux":
        return "it is made of the Linux kernel's namespaces, and this is another system"
    if shutil.which(PROGRAM) is None:
        return f"bubblewrap ({PROGRAM}) is not installed: apt-get install bubblewrap"
    probe = [PROGRAM, *ISOLATED, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    tried = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    if tried.returncode == 0:
        return None
    told = tried.stderr.strip().rpartition("\n")[2] or f"exit status {tried.returncode}"
    return (
        f"bubblewrap 0.8 or newer is needed (apt-get install bubblewrap), and a system that lets its users make "
        f"namespaces (sysctl kernel.unprivileged_userns_clone=1; a container's profile may forbid it): {told}"
    )


def arguments(folder: Path, seen_as: str, reads: Iterable[str], hides: Iterable[str]) -> list[str]:
    """What bwrap is told. folder: may be written, and is at the path `seen_as` there. reads: absolute paths that are
    shown as they are. hides: those that cannot be opened there.
    """
    here = os.getcwd()
    return [
        *ISOLATED,
        *shown(SYSTEM),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
        *("--size", str(MEMORY_FILES), "--tmpfs", "/dev/shm", "--size", str(MEMORY_FILES), "--tmpfs", "/tmp"),
        *shown(python_paths()),
        *("--dir", here),
        *("--bind", str(folder), seen_as),
        *shown(reads),
        *(word for path in hides if os.path.exists(path) for word in ("--ro-bind", "/dev/null", path)),
        *("--remount-ro", "/", "--chdir", here),
    ]


def shown(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]
