"""How much memory the processes of this server hold: its master, its workers, and the engine process of texts.

memory_of_server()      # {"master": 31457280, "workers": 412090368, "engine": 734003200}, in bytes
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["memory_of_server"]

PROC = Path("/proc")


def memory_of_server(master: int | None = None) -> dict[str, int]:
    """{kind of process: bytes}; a page that several processes share counts for each by its share.

    master: the id of gunicorn's master; by default the parent of this process. A process that has ended, or whose
    numbers may not be read, is left out.
    """
    master = master or os.getppid()
    held: dict[str, int] = {}
    with suppress(OSError):
        children = (PROC / f"{master}/task/{master}/children").read_text().split()
        for process in [str(master), *children]:
            with suppress(OSError):
                kind = "master" if process == str(master) else kind_of(process)
                held[kind] = held.get(kind, 0) + proportional_bytes(process)
                if kind == "workers":
                    held[kind] += sum(map(proportional_bytes, children_of(process)))
    return held


def children_of(process: str) -> list[str]:
    """The processes that any thread of a process has started: those that write a worker's prediction log. OSError."""
    found = [path.read_text().split() for path in (PROC / process / "task").glob("*/children")]
    return [child for children in found for child in children]


def kind_of(process: str) -> str:
    return "engine" if b"models.engine" in (PROC / process / "cmdline").read_bytes() else "workers"


def proportional_bytes(process: str) -> int:
    """The process's PSS. Raises OSError."""
    for line in (PROC / process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
