"""Every instruction of what `daylight image` writes, run once in bare roots of Debian; then the image serves."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import requests

from benchmarks.support.nginx import free_port
from benchmarks.support.serving import ROOT, eventually
from service.packing.encoder import pack_encoder
from service.store.versions import Store
from tests.support.debian_roots import needs_roots
from tests.support.images import answers, built, states
from tests.support.minilm import minilm

pytestmark = [pytest.mark.heavy, needs_roots]


@pytest.fixture(scope="module")
def image(tabular_store, roots, tmp_path_factory):
    return built("iris", tabular_store, roots, tmp_path_factory.mktemp("image"))


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
    port = str(free_port())
    url, log = f"http://127.0.0.1:{port}", tmp_path / "log"
    began = time.perf_counter()
    with image.running(log, HOST="127.0.0.1", PORT=port, WORKERS="1") as process:
        eventually(lambda: answers(url) or process.poll() is not None, what="readiness")
        print(f"ready after {time.perf_counter() - began:.2f} s")
        assert process.poll() is None, log.read_text()
        rows = requests.get(f"{url}/v1/models/iris", timeout=10).json()["example"]["instances"]
        assert requests.post(f"{url}/v1/models/iris:predict", json={"instances": rows}, timeout=10).ok
        assert image.is_healthy(PORT=port)
        assert not image.is_healthy(PORT=str(free_port()))
        (master,) = states(process.pid)
        enter = ["nsenter", "--target", master, "--pid", "--", "sh", "-c", "sleep 0.1 & sleep 0.2 &"]
        subprocess.run(enter, check=True)  # two orphans, which process 1 inherits
        eventually(lambda: len(states(master)) == 1, seconds=20, what="the orphans being reaped")
        os.kill(int(master), signal.SIGTERM)
        assert process.wait(90) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


def test_to_the_world_it_serves_only_with_keys(image, tmp_path):
    with image.running(tmp_path / "log", PORT=str(free_port())) as process:
        assert process.wait(60) != 0
    assert "DAYLIGHT_KEYS_FILE" in (tmp_path / "log").read_text()


def smollm2(folder):
    return ROOT / "artifacts"


def all_minilm(folder):
    pack_encoder(minilm(), name="minilm", store=folder)
    return folder


def completes(url):
    asked = {"model": "smollm2", "prompt": "The sun is", "max_tokens": 4, "temperature": 0}
    answer = requests.post(f"{url}/v1/completions", json=asked, timeout=60)
    assert answer.json()["usage"]["completion_tokens"] == 4


def embeds(url):
    asked = {"model": "minilm", "input": ["The sun is warm.", "It is warm in the sun.", "Interest rates rose."]}
    answer = requests.post(f"{url}/v1/embeddings", json=asked, timeout=60)
    sun, warm, rates = (each["embedding"] for each in answer.json()["data"])
    assert len(sun) == 384
    assert np.dot(sun, warm) > 0.7 > 0.3 > np.dot(sun, rates)


@pytest.mark.parametrize(
    ("name", "store_in", "asks"),
    [
        pytest.param("smollm2", smollm2, completes, id="smollm2"),
        pytest.param("minilm", all_minilm, embeds, id="minilm"),
    ],
)
def test_a_text_model_is_served_without_torch(roots, tmp_path, name, store_in, asks):
    """The demo's SmolLM2, and all-MiniLM-L6-v2: their weights, and 350 MB at most of everything else."""
    store = store_in(tmp_path / "store")
    image = built(name, store, roots, tmp_path)
    version = Store(store).open(name)
    weights = sum(each["bytes"] for each in version.manifest.files.values()) / 1e6
    print(f"{name}: unpacked {image.megabytes():.0f} MB, of which the version {weights:.0f} MB")
    assert image.megabytes() <= weights + 350
    assert not (image.root / "app" / "lib" / "torch").exists()
    port, log = str(free_port()), tmp_path / "log"
    began = time.perf_counter()
    with image.running(log, HOST="127.0.0.1", PORT=port, WORKERS="1") as process:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(url) or process.poll() is not None, what="readiness")
        print(f"ready after {time.perf_counter() - began:.2f} s")
        assert process.poll() is None, log.read_text()
        asks(url)
