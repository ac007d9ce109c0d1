"""A folder that is scored while processes are killed: no row is lost, and none is there twice."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from benchmarks.support.serving import ROOT
from tests.support.bulk import found, killed, processes_below, started, write_rows

pytestmark = pytest.mark.heavy

FILES, ROWS = 12, 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder, FILES, ROWS)
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


def test_a_killed_process_loses_and_doubles_no_row(command, answers, tmp_path):
    run = started(command, tmp_path / "out", FILES)
    os.kill(processes_below(run.pid, b"spawn_main")[0], signal.SIGKILL)
    told = json.loads(run.communicate(timeout=300)[0])
    assert run.returncode == 0
    assert (told["scored"], told["failed"]) == (FILES * ROWS, {})
    assert found(tmp_path / "out").equals(answers)


def test_after_the_command_itself_was_killed_the_next_one_goes_on(command, answers, tmp_path):
    killed(started(command, tmp_path / "out", FILES))
    ran = subprocess.run(
        [*command, "-o", str(tmp_path / "out")], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    told = json.loads(ran.stdout)
    assert told["scored"] == FILES * ROWS
    assert 3 <= told["finished"] < FILES
    assert found(tmp_path / "out").equals(answers)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".draft")]
