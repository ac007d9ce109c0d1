"""Folders of rows that are scored while processes die: each row has a number of its own, so none can be lost unseen."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd

from benchmarks.support.serving import ROOT

__all__ = ["below", "found", "killed", "processes_below", "started", "write_rows"]


def write_rows(folder, files, rows):
    """So many files of rows of the demo's sample, with a column `id`."""
    sample = pd.read_csv(ROOT / "artifacts/data.csv")
    table = pd.concat([sample] * (rows // len(sample) + 1), ignore_index=True).head(rows)
    for place in range(files):
        table.assign(id=range(place * rows, (place + 1) * rows)).to_parquet(folder / f"{place:02d}.parquet")


def found(out):
    """{id: prediction} of what was scored into a folder; no id is there twice."""
    frame = pd.concat(map(pd.read_parquet, sorted(out.glob("*.parquet"))))
    assert frame["id"].is_unique
    return frame.set_index("id")["predict"].sort_index()


def below(pid):
    """The processes that a process has started, and those that they have."""
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, task.read_text().split())
    return [*children, *(each for child in children for each in below(child))]


def processes_below(pid, named):
    """Those of them that have these bytes in their command line."""
    lines = {}
    for each in below(pid):
        with suppress(OSError):
            lines[each] = Path(f"/proc/{each}/cmdline").read_bytes()
    return [each for each, line in lines.items() if named in line]


def started(command, out, files, env=None):
    """A run of the command into `out` that has finished some of so many files, and not all of them."""
    run = subprocess.Popen([*command, "-o", str(out)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=env)
    while len(list(out.glob("_daylight/*.json"))) < 4:  # one of them tells of the run
        assert run.poll() is None
        time.sleep(0.02)
    assert len(list(out.glob("*.parquet"))) < files
    return run


def killed(run, named=b""):
    """Kill a run; none of the processes below it that are named so is there afterwards."""
    left = processes_below(run.pid, named)
    assert left
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{each}").exists() for each in left) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [each for each in left if Path(f"/proc/{each}").exists()]
