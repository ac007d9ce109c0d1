"""`pip install ./client` into an empty environment: it needs requests, and nothing of the service."""

import ast
import json
import subprocess
import sys

import pytest

import client
from benchmarks.support.serving import ROOT
from tests.support.client_server import IRIS, answering

PROVE = """
import importlib.util, json, sys
import daylight_client
with daylight_client.Client(sys.argv[1]) as client:
    client.wait_until_ready(10)
    found = client.predict([{"length": 1.5}, {"length": None}])
absent = [name for name in ("flask", "service", "client", "numpy", "pandas") if importlib.util.find_spec(name) is None]
print(json.dumps({"version": daylight_client.__version__, "predictions": found, "absent": absent}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of a virtual environment that holds the client and what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    command = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        ROOT / "client",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(*command, cwd):
    """Run isolated from this checkout; its standard output."""
    done = subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_predicts_where_there_is_no_service(installed, tmp_path):
    with answering(IRIS) as server:
        told = json.loads(run(installed / "python", "-W", "error", "-c", PROVE, server.url, cwd=tmp_path))
    assert told == {
        "version": client.__version__,
        "predictions": ["setosa", "setosa"],
        "absent": ["flask", "service", "client", "numpy", "pandas"],
    }


def test_it_brings_a_command(installed, tmp_path):
    (tmp_path / "rows.csv").write_text("length\n1.5\n\n")
    with answering(IRIS) as server:
        assert run(installed / "daylight-client", "models", "--url", server.url, cwd=tmp_path).split()[0] == "iris*"
        told = run(installed / "daylight-client", "predict", "rows.csv", "--url", server.url, cwd=tmp_path)
        assert told == '"setosa"\n'
        assert server.requests[-1].body == b"length\n1.5\n\n"


def test_it_depends_on_requests_alone(installed, tmp_path):
    code = "from importlib.metadata import metadata; print(metadata('daylight-client').json)"
    told = ast.literal_eval(run(installed / "python", "-c", code, cwd=tmp_path))
    assert (told["requires_dist"], told["version"]) == (["requests>=2.32"], client.__version__)


def test_building_leaves_nothing_behind(installed):
    assert not [
        path.name for path in (ROOT / "client").iterdir() if path.name in ("build", "dist") or "egg" in path.name
    ]
