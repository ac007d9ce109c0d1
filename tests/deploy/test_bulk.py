"""A folder that is scored while processes are killed: no row is lost, and none is there twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.support.serving import ROOT

pytestmark = pytest.mark.heavy

FILES, ROWS = 12, 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of rows, each row with a number of its own."""
    folder = tmp_path_factory.mktemp("rows")
    sample = pd.read_csv(ROOT / "artifacts/data.csv")
    rows = pd.concat([sample] * (ROWS // len(sample) + 1), ignore_index=True).head(ROWS)
    for place in range(FILES):
        rows.assign(id=range(place * ROWS, (place + 1) * ROWS)).to_parquet(folder / f"{place:02d}.parquet")
    return folder


@pytest.fixture(scope="module")
def command(folder):
    """The command line up to -o."""
    return [sys.executable, "-m", "service", "predict", "tumour", str(folder), "--processes", "2", "--json"]


@pytest.fixture(scope="module")
def answers(folder):
    """What each row gets in one process that nobody disturbs: {id: prediction}."""
    out = folder.with_name("undisturbed")
    run = [sys.executable, "-m", "service", "predict", "tumour", str(folder), "-o", str(out), "--processes", "1"]
    subprocess.run(run, cwd=ROOT, check=True)
    yield found(out)
    shutil.rmtree(out)


def found(out):
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


def scorers(pid):
    """Those of them that score."""
    named = {}
    for each in below(pid):
        with suppress(OSError):
            named[each] = Path(f"/proc/{each}/cmdline").read_bytes()
    return [each for each, line in named.items() if b"spawn_main" in line]


def started(command, out):
    """A run that has finished a part, and not all of them."""
    run = subprocess.Popen([*command, "-o", str(out)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while len(list(out.glob("_daylight/*.json"))) < 4:  # one of them tells of the run
        assert run.poll() is None
        time.sleep(0.02)
    assert len(list(out.glob("*.parquet"))) < FILES
    return run


def test_a_killed_process_loses_and_doubles_no_row(command, answers, tmp_path):
    run = started(command, tmp_path / "out")
    os.kill(scorers(run.pid)[0], signal.SIGKILL)
    told = json.loads(run.communicate(timeout=300)[0])
    assert run.returncode == 0
    assert (told["scored"], told["failed"]) == (FILES * ROWS, {})
    assert found(tmp_path / "out").equals(answers)


def test_after_the_command_itself_was_killed_the_next_one_goes_on(command, answers, tmp_path):
    run = started(command, tmp_path / "out")
    left = below(run.pid)
    os.kill(run.pid, signal.SIGKILL)
    run.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{each}").exists() for each in left) and time.monotonic() < deadline:
        time.sleep(0.1)  # nobody is left behind
    assert not [each for each in left if Path(f"/proc/{each}").exists()]
    ran = subprocess.run(
        [*command, "-o", str(tmp_path / "out")], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["scored"] == FILES * ROWS
    assert 3 <= told["finished"] < FILES
    assert found(tmp_path / "out").equals(answers)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".draft")]
