"""What ONNX Runtime does besides running graphs."""

import os
import subprocess
import sys

from benchmarks.support.serving import ROOT

PROGRAM = """
import sys
from service.models.runtimes.onnx import OnnxRuntime
described = {"targets": {"predict": None}, "classes": [], "largest": None, "at_once": None}
OnnxRuntime(open(sys.argv[1], "rb").read(), described)
"""


def test_no_session_is_reported_to_its_makers(tabular_store, tmp_path):
    """ONNX Runtime 1.32 wrote a device id and a queue of events for Microsoft into the home of whoever served."""
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    graph = tabular_store / "iris" / "1" / "model.onnx"
    subprocess.run([sys.executable, "-c", PROGRAM, graph], env=env, cwd=ROOT, check=True)
    assert not list(tmp_path.iterdir())
