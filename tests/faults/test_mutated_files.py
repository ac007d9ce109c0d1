"""Ten thousand damaged files: no crash, nothing outside, no hang, no memory beyond the bound, and a sentence for each.

The normal run opens a few of every kind that is quick to make. FUZZ_FILES=1000 make test-fuzz is shorter.
"""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.support.serving import ROOT

from .mutated import originals

FILES = int(os.environ.get("FUZZ_FILES", "10000"))
AT_ONCE = 500  # files for one process
PATIENCE = 3600  # seconds for one process, which ends itself at the first file that hangs
# How many of each kind, in 10,000.
SHARES = {
    "pickle": 2200,
    "joblib": 1200,
    "skops": 1000,
    "onnx": 1400,
    "checkpoint": 1100,
    "state_dict": 500,
    "stored_texts": 300,
    "stored_graphs": 300,
    "parquet": 1000,
    "arrow": 700,
    "npy": 300,
}
QUICK = {"pickle": 60, "joblib": 30, "onnx": 50, "parquet": 40, "arrow": 40, "npy": 20}


def open_many(kind, count, folder):
    """[{"seed", "name", "outcome", "finding", ...}] of `count` damaged files, opened in processes of their own."""
    made = folder / "originals" / kind
    originals.write(kind, made)
    told, turn = [], 0
    while len(told) < count:
        first, place = len(told), folder / f"{kind}-{turn}"
        told += one_process(kind, made, place, first, min(AT_ONCE, count - first))
        turn += 1
    return told


def one_process(kind, made, place, first, count):
    """The files from the seed `first` on; the last is a finding where it has ended the process."""
    own, elsewhere, journal = place / "own", place / "elsewhere", place / "journal"
    own.mkdir(parents=True)
    elsewhere.mkdir()
    env = {**os.environ, "HOME": str(elsewhere), "TMPDIR": str(elsewhere), "PYTHONPATH": str(ROOT)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.mutated.child", kind, made, own, journal, str(first), str(count)],
        cwd=elsewhere,
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    lines = list(map(json.loads, journal.read_text().splitlines())) if journal.exists() else []
    assert lines, f"{kind}: no file was opened: {done.stderr[-3000:]}"
    told = [line for line in lines if "outcome" in line]
    if done.returncode:
        last = lines[-1]
        assert "outcome" not in last, done.stderr[-3000:]
        ended = f"status {done.returncode}: {done.stderr[-1500:]}"
        told.append(last | {"outcome": "ended", "finding": "ended", "message": ended, "seconds": 0, "grown": 0})
    left = sorted(str(path) for path in elsewhere.rglob("*"))
    assert left == lines[0]["elsewhere"], f"{kind}, seeds from {first}: files were made outside: {left}"
    return told


def summary(kind, told):
    counts = Counter(each["outcome"] for each in told)
    slowest, largest = max(each["seconds"] for each in told), max(each["grown"] for each in told) / 2**20
    listed = ", ".join(f"{outcome} {count}" for outcome, count in counts.most_common())
    return f"{kind}: {len(told)} files: {listed}; at most {slowest:.1f} s, {largest:.0f} MB"


def check(kind, count, folder):
    told = open_many(kind, count, folder)
    print(summary(kind, told))
    found = [each for each in told if each.get("finding")]
    assert not found, f"{len(found)} findings:\n" + "\n".join(json.dumps(each) for each in found[:50])


@pytest.mark.parametrize("kind", QUICK)
def test_a_few_damaged_files_are_opened_or_refused_in_a_sentence(kind, tmp_path):
    check(kind, QUICK[kind], tmp_path)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", SHARES)
def test_thousands_of_damaged_files_are_opened_or_refused_in_a_sentence(kind, tmp_path):
    check(kind, max(1, FILES * SHARES[kind] // sum(SHARES.values())), tmp_path)
