"""A model that MLflow has registered, in its SQLite store, is packed by the name it has there, and answers the same."""

import contextlib
import os
import socket
import subprocess

import numpy as np
import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import ROOT, eventually
from service.app import create_app
from service.cli import main
from service.settings import Settings
from service.store.versions import Store
from tests.clients.driving import drive

HOME = ROOT / ".venv-clients" / "mlflow_registry"


@pytest.fixture
def registry(tmp_path):
    """The URL of MLflow's tracking server."""
    if not (HOME / ".installed").exists():
        pytest.skip("MLflow is not installed here: make .venv-clients/mlflow_registry/.installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", tmp_path / "files"]
    command = [HOME / "bin" / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *places]
    environment = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    server = subprocess.Popen(
        command,
        env=environment | {"PATH": f"{HOME / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"

    def answers():
        assert server.poll() is None, "MLflow's server ended"
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{url}/health", timeout=10).ok
        return False

    try:
        eventually(answers, what="MLflow's server")
        yield url
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def test_a_registered_model_is_packed_by_its_alias_and_by_its_version(registry, tmp_path, monkeypatch):
    told = drive("mlflow_registry", registry, seconds=300)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry)
    for reference in ("models:/churn/1", "models:/churn@champion"):
        ran = CliRunner().invoke(main, ["pack", reference, "--store", str(tmp_path / "store")])
        assert ran.exit_code == 0, ran.output
    first, second = (Store(tmp_path / "store").open("churn", version).manifest for version in ("1", "2"))
    assert first.provenance["registry"]["model_version"] == "1"
    known = second.provenance["registry"]
    assert (known["model_name"], known["model_version"], known["alias"]) == ("churn", "2", "champion")
    assert known["tracking_uri"] == registry
    client = create_app(Settings(store=tmp_path / "store")).test_client()
    asked = {"instances": told["rows"], "outputs": ["predict_proba"]}
    answer = client.post("/v1/models/churn:predict", json=asked).json
    found = [[row[label] for label in ("0", "1", "2")] for row in answer["outputs"]["predict_proba"]]
    np.testing.assert_allclose(found, told["probabilities"], rtol=1e-6)
