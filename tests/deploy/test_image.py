"""Every instruction of what `daylight image` writes, run once in bare roots of Debian; then the image serves."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from benchmarks.support.serving import ROOT, eventually
from service.cli import main
from service.store.versions import Store
from tests.support.debian_roots import debian_roots, makeable
from tests.support.dockerfile import build

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not makeable(), reason="needs Debian 12, root, and apt-get install debootstrap bubblewrap"),
]


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return debian_roots(tmp_path_factory.mktemp("roots"))


def built(name, store, roots, folder):
    """The Image of a model."""
    ran = CliRunner().invoke(main, ["image", name, "--store", str(store), "-o", str(folder / "context"), "--no-build"])
    assert ran.exit_code == 0, ran.output
    return build(folder / "context", roots, folder)


@pytest.fixture(scope="module")
def image(tabular_store, roots, tmp_path_factory):
    return built("iris", tabular_store, roots, tmp_path_factory.mktemp("image"))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def answers(url):
    try:
        return requests.get(f"{url}/health/ready", timeout=5).ok
    except requests.RequestException:
        return False


def states(pid):
    """{process id: state} of the children of a process, as it sees them: R, S, Z, ..."""
    ids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {each: Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[0] for each in ids}


def test_its_size(image):
    print(f"unpacked {image.megabytes():.0f} MB")
    assert image.megabytes() <= 260


def test_its_bill_of_materials_lists_what_is_installed(image):
    listed = json.loads((image.root / "app" / "sbom.cdx.json").read_text())
    assert listed["bomFormat"] == "CycloneDX"
    names = {each["name"].lower() for each in listed["components"]}
    assert {"flask", "numpy", "onnxruntime"} <= names
    assert not names & {"pip", "cyclonedx-bom", "scikit-learn"}


def test_process_1_serves_reaps_and_ends_well(image, tmp_path):
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    began = time.perf_counter()
    with image.running(log, HOST="127.0.0.1", PORT=port, WORKERS="1") as process:
        eventually(lambda: answers(url) or process.poll() is not None, what="readiness")
        print(f"ready after {time.perf_counter() - began:.2f} s")
        assert process.poll() is None, log.read_text()
        rows = requests.get(f"{url}/v1/models/iris", timeout=10).json()["example"]["instances"]
        assert requests.post(f"{url}/v1/models/iris:predict", json={"instances": rows}, timeout=10).ok
        assert image.is_healthy(PORT=port)
        assert not image.is_healthy(PORT=free_port())
        (master,) = states(process.pid)
        enter = ["nsenter", "--target", master, "--pid", "--", "sh", "-c", "sleep 0.1 & sleep 0.2 &"]
        subprocess.run(enter, check=True)  # two orphans, which process 1 inherits
        eventually(lambda: len(states(master)) == 1, seconds=20, what="the orphans being reaped")
        os.kill(int(master), signal.SIGTERM)
        assert process.wait(90) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_to_the_world_it_serves_only_with_keys(image, tmp_path):
    with image.running(tmp_path / "log", PORT=free_port()) as process:
        assert process.wait(60) != 0
    assert "DAYLIGHT_KEYS_FILE" in (tmp_path / "log").read_text()


def test_a_text_model_is_served_without_torch(roots, tmp_path):
    """The demo's SmolLM2: its weights, and 350 MB at most of everything else."""
    store = ROOT / "artifacts"
    image = built("smollm2", store, roots, tmp_path)
    version = Store(store).open("smollm2")
    weights = sum(each["bytes"] for each in version.manifest.files.values()) / 1e6
    print(f"unpacked {image.megabytes():.0f} MB, of which the version {weights:.0f} MB")
    assert image.megabytes() <= weights + 350
    assert not (image.root / "app" / "lib" / "torch").exists()
    port, log = free_port(), tmp_path / "log"
    with image.running(log, HOST="127.0.0.1", PORT=port, WORKERS="1") as process:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(url) or process.poll() is not None, what="readiness")
        assert process.poll() is None, log.read_text()
        asked = {"model": "smollm2", "prompt": "The sun is", "max_tokens": 4, "temperature": 0}
        answer = requests.post(f"{url}/v1/completions", json=asked, timeout=60)
        assert answer.json()["usage"]["completion_tokens"] == 4
