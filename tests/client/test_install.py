"""`pip install ./client` into an empty environment: the client needs requests and no part of the service."""

import ast
import json
import subprocess
import sys

import pytest

import client
from benchmarks.support.serving import ROOT
from tests.support.client_server import IRIS, answering

PREDICT_SCRIPT = """
import importlib.util, json, sys
import daylight_client
with daylight_client.Client(sys.argv[1]) as client:
    client.wait_until_ready(10)
    predictions = client.predict([{"length": 1.5}, {"length": None}])
absent = [name for name in ("flask", "service", "client", "numpy", "pandas") if importlib.util.find_spec(name) is None]
print(json.dumps({"version": daylight_client.__version__, "predictions": predictions, "absent": absent}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The bin folder of a virtual environment with the client and its dependencies."""
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
    """The standard output of a command, run outside this checkout."""
    done = subprocess.run(command, cwd=cwd, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_installed_client_predicts_without_the_service(installed, tmp_path):
    with answering(IRIS) as server:
        output = json.loads(run(installed / "python", "-W", "error", "-c", PREDICT_SCRIPT, server.url, cwd=tmp_path))
    assert output == {
        "version": client.__version__,
        "predictions": ["setosa", "setosa"],
        "absent": ["flask", "service", "client", "numpy", "pandas"],
    }


def test_installed_command_works(installed, tmp_path):
    (tmp_path / "rows.csv").write_text("length\n1.5\n\n")
    with answering(IRIS) as server:
        assert run(installed / "daylight-client", "models", "--url", server.url, cwd=tmp_path).split()[0] == "iris*"
        output = run(installed / "daylight-client", "predict", "rows.csv", "--url", server.url, cwd=tmp_path)
        assert output == '"setosa"\n'
        assert server.requests[-1].body == b"length\n1.5\n\n"


def test_installed_client_depends_on_requests_alone(installed, tmp_path):
    code = "from importlib.metadata import metadata; print(metadata('daylight-client').json)"
    output = ast.literal_eval(run(installed / "python", "-c", code, cwd=tmp_path))
    required = ["requests>=2.32", "httpx2<3,>=2.0; extra == 'async'"]
    assert (output["requires_dist"], output["version"]) == (required, client.__version__)


def test_build_leaves_no_files_in_the_source_folder(installed):
    assert not [
        path.name for path in (ROOT / "client").iterdir() if path.name in ("build", "dist") or "egg" in path.name
    ]


def test_no_union_is_computed_that_python_3_9_has_not():
    """An alias `bytes | str` kept the client from being imported there; in annotations it is never computed."""
    computed = []
    for path in (ROOT / "client").glob("*.py"):
        tree = ast.parse(path.read_text())
        notes = [getattr(node, name, None) for node in ast.walk(tree) for name in ("annotation", "returns")]
        unread = {id(part) for note in notes if note for part in ast.walk(note)}
        unions = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr))
        types = (
            union
            for union in unions
            if {"str", "bytes", "int"} & {getattr(union.left, "id", ""), getattr(union.right, "id", "")}
        )
        computed += [f"{path.name}:{union.lineno}" for union in types if id(union) not in unread]
    assert computed == []
