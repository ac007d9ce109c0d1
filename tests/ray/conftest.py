"""The commands of Daylight in an environment that has Ray, .venv-ray, which `make test-ray` makes."""

import json
import os
import subprocess
from contextlib import contextmanager

import pytest

from benchmarks.support.serving import ROOT

PYTHON = ROOT / ".venv-ray/bin/python"
# A loaded machine is slow to start processes.
OWN = {"RAY_raylet_start_wait_time_s": "120", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Variables of processes with Ray, whose token is not left in the user's home."""
    if not (ROOT / ".venv-ray/.installed").exists():
        pytest.skip("Ray is not installed here: make .venv-ray/.installed")
    names = ("PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE")
    passed = {name: os.environ[name] for name in names if name in os.environ}
    token = tmp_path_factory.mktemp("ray") / "token"
    token.write_text("0123456789abcdef" * 4)
    return passed | OWN | {"RAY_AUTH_TOKEN_PATH": str(token)}


@pytest.fixture(scope="session")
def predicting():
    """The command line of a run, up to the name of the model."""
    return [str(PYTHON), "-m", "service", "predict"]


@pytest.fixture(scope="session")
def predict(environment, predicting):
    """Runs `daylight predict` to its end."""

    def ran(*arguments):
        line = [*predicting, *map(str, arguments)]
        return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    return ran


@pytest.fixture(scope="session")
def two_nodes(environment):
    """Gives a cluster of two nodes: its address, and a function that takes the second one away."""

    @contextmanager
    def running(*arguments):
        script = [str(PYTHON), str(ROOT / "tests/ray/two_nodes.py"), *map(str, arguments)]
        with subprocess.Popen(
            script, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as cluster:

            def remove():
                print("remove", file=cluster.stdin, flush=True)
                assert json.loads(cluster.stdout.readline()) == "removed"

            try:
                yield json.loads(cluster.stdout.readline()), remove
            finally:
                cluster.stdin.close()
                cluster.wait(60)

    return running


@pytest.fixture(scope="session")
def package(environment, wheel, tmp_path_factory):
    """A folder with `daylight`, of this checkout."""
    folder = tmp_path_factory.mktemp("package")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check", "--target", folder]
    subprocess.run([*pip, wheel], check=True)
    return folder
