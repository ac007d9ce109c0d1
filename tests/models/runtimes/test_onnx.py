"""What ONNX Runtime does besides running graphs."""

import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.support.serving import ROOT
from service.models.runtimes.onnx import PIECE, OnnxRuntime

PROGRAM = """
import sys
from service.models.runtimes.onnx import OnnxRuntime
described = {"targets": {"predict": None}, "classes": [], "largest": None, "at_once": None}
OnnxRuntime(open(sys.argv[1], "rb").read(), described)
"""


class Counting:
    """A session that notes how many rows each call has."""

    def __init__(self, session):
        self.session, self.rows = session, []

    def run(self, wanted, feed, options):
        self.rows.append(len(feed["X"]))
        return self.session.run(wanted, feed, options)


@pytest.mark.parametrize("at_once", [None, 10, 10 * PIECE])
def test_many_rows_are_computed_in_pieces(tabular_store, at_once):
    """A session keeps what its largest call needed: a chunk of a file of 10,000 rows took 62 MB of each process."""
    described = {"targets": {"predict": None}, "classes": [], "largest": None, "at_once": at_once}
    runtime = OnnxRuntime((tabular_store / "iris" / "1" / "model.onnx").read_bytes(), described)
    X = np.random.default_rng(0).uniform(0, 8, (PIECE + 20, 4))
    one_by_one = [runtime.run(row[None], ["predict"])["predict"][0] for row in X]
    runtime.session = Counting(runtime.session)
    assert runtime.run(X, ["predict"])["predict"].tolist() == one_by_one
    assert max(runtime.session.rows) == min(at_once or PIECE, PIECE)
    assert sum(runtime.session.rows) == len(X)


def test_no_session_is_reported_to_its_makers(tabular_store, tmp_path):
    """ONNX Runtime 1.32 wrote a device id and a queue of events for Microsoft into the home of whoever served."""
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    graph = tabular_store / "iris" / "1" / "model.onnx"
    subprocess.run([sys.executable, "-c", PROGRAM, graph], env=env, cwd=ROOT, check=True)
    assert not list(tmp_path.iterdir())
