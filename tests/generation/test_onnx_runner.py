"""Compiled text models: packed as a graph, proven against transformers, served without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from transformers import LlamaForCausalLM

from service import models
from service.cli import main
from service.generation.onnx_runner import OnnxRunner
from service.generation.params import SamplingParams
from service.generation.torch_runner import TorchRunner
from service.packing import checkpoint, text_proof
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from service.store.manifest import MANIFEST
from service.store.versions import Store
from tests.support.architectures import save_architecture
from tests.support.tiny_text import pack_tiny, save_checkpoint, save_state_dict

ROOT = Path(__file__).parents[2]
SETTINGS = Settings(workers=1)
GREEDY = SamplingParams(max_tokens=40, temperature=0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    pack_tiny(store, name="torch")
    pack_tiny(store, name="graph", runtime="auto")
    return Store(store)


def test_the_manifest_holds_the_proof_of_the_graph(store):
    description = models.load(store.open("graph"), SETTINGS).describe()
    runtime = description["runtime"]
    assert (runtime["name"], runtime["precision"], runtime["equal_tokens"]) == ("onnx", "float32", 1.0)
    assert runtime["perplexity"]["compiled"] == pytest.approx(runtime["perplexity"]["torch"], rel=1e-4)
    assert description["provenance"]["packages"].keys() >= {"onnxruntime", "onnxruntime-genai", "torch"}
    assert description["example"] == store.open("torch").manifest.example
    json.dumps(description)


def test_the_graph_generates_what_torch_generates(store):
    graph, network = (models.load(store.open(name), SETTINGS) for name in ("graph", "torch"))
    assert isinstance(graph.engine.runner, OnnxRunner)
    assert isinstance(network.engine.runner, TorchRunner)
    sampled = SamplingParams(max_tokens=40, temperature=1.5, top_p=0.9, seed=4)
    for prompt in ("a", "Once upon a time", "naïve 日本", "x" * 80):
        assert graph.generate(prompt, GREEDY) == network.generate(prompt, GREEDY)
        assert graph.generate(prompt, sampled) == network.generate(prompt, sampled)
    graph.warm_up()


def test_a_worker_of_compiled_models_never_imports_torch(store):
    code = f"""
import sys
from service import models
from service.cli import main
from service.settings import Settings
from service.store.versions import Store
model = models.load(Store({str(store.root)!r}).open("graph"), Settings(workers=1))
model.warm_up()
assert model.generate("abc", model.parameters({{"temperature": 0.6, "top_p": 0.9}})).text
sys.exit(sorted({{"torch", "transformers", "safetensors"}} & set(sys.modules)) or 0)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_articles_state_dict_is_compiled_as_well(store, tmp_path):
    packed = pack_checkpoint(save_state_dict(tmp_path / "article"), name="article", store=tmp_path / "store")
    assert packed.manifest.spec["runtime"]["name"] == "onnx"
    assert packed.manifest.spec["weights"] == "model.pt"
    assert packed.manifest.example == store.open("graph").manifest.example


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_quantized_version_reports_its_accuracy(tmp_path, precision):
    folder = save_checkpoint(tmp_path / "tiny")
    command = ["pack", str(folder), "--store", str(tmp_path / "store"), "--precision", precision]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    packed = Store(tmp_path / "store").open("tiny")
    runtime = packed.manifest.spec["runtime"]
    assert runtime["precision"] == precision
    assert runtime["perplexity"]["compiled"] != runtime["perplexity"]["torch"]
    assert 0 <= runtime["equal_tokens"] < 1
    assert (
        f"onnx, {precision} weights: {runtime['equal_tokens']:.1%} of transformers' own greedy tokens" in result.output
    )
    assert f"perplexity {runtime['perplexity']['compiled']:.2f}" in result.output
    models.load(packed, SETTINGS).warm_up()


def test_a_store_may_be_a_relative_path(tmp_path, monkeypatch):
    """The model builder, which runs in a folder of its own, once did not find the checkpoint, and torch served it."""
    save_checkpoint(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    packed = pack_checkpoint(Path("tiny"), name="tiny", store=Path("store"))
    assert packed.manifest.spec["runtime"]["name"] == "onnx"


def test_an_architecture_without_a_graph_is_served_by_torch(tmp_path):
    folder = save_architecture(tmp_path / "gptj", "GPTJForCausalLM")
    packed = pack_checkpoint(folder, name="gptj", store=tmp_path / "store")
    runtime = packed.manifest.spec["runtime"]
    assert runtime["name"] == "torch"
    assert runtime["reason"].startswith("GPTJForCausalLM has no graph: its layers compute their attention")
    assert str(tmp_path) not in runtime["reason"]
    assert not packed.manifest.files.keys() & {"model.onnx", "model.onnx.data"}
    model = models.load(packed, SETTINGS)
    model.warm_up()
    assert model.generate("abc", GREEDY).completion_tokens == 40


@pytest.mark.heavy
@pytest.mark.parametrize("fails", ["builder", "both"])
def test_a_graph_that_fails_its_proof_is_replaced(tmp_path, monkeypatch, fails):
    """Graphs of other weights stand in for those that were compiled wrongly: the exporter is next, and torch last."""
    other = save_checkpoint(tmp_path / "other", seed=1)
    compile_decoder, export_decoder = checkpoint.compile_decoder, text_proof.export_decoder
    monkeypatch.setattr(checkpoint, "compile_decoder", lambda source, *rest: compile_decoder(other, *rest))
    if fails == "both":
        wrong = LlamaForCausalLM.from_pretrained(other).eval()
        monkeypatch.setattr(text_proof, "export_decoder", lambda network, *rest: export_decoder(wrong, *rest))
    packed = pack_tiny(tmp_path / "store", runtime="auto")
    runtime = packed.manifest.spec["runtime"]
    if fails == "builder":
        assert (runtime["name"], runtime["compiler"], runtime["equal_tokens"]) == ("onnx", "torch.onnx", 1)
    else:
        assert runtime["name"] == "torch"
        assert "of transformers' own greedy tokens" in runtime["reason"]
    assert sorted(path.name for path in packed.folder.iterdir()) == sorted([*packed.manifest.files, MANIFEST])
    models.load(packed, SETTINGS).warm_up()


def test_a_graph_that_does_not_run_falls_back_to_torch(store, tmp_path, caplog):
    packed = pack_tiny(tmp_path)
    path = packed.folder / MANIFEST
    manifest = json.loads(path.read_text())
    described = {"name": "onnx", "payload": "model.safetensors", "layers": 2, "heads": 2, "head_size": 16}
    manifest["spec"]["runtime"] = described
    path.write_text(json.dumps(manifest))
    model = models.load(Store(tmp_path).open("tiny"), SETTINGS)
    assert isinstance(model.engine.runner, TorchRunner)
    assert "its graph cannot be run here" in caplog.text
    model.warm_up()


def test_runner_refuses_a_graph_of_another_shape(store):
    path = store.open("graph").folder / "model.onnx"
    common = {"rows": 1, "length": 8, "threads": 1}
    with pytest.raises(ValueError, match=r"\[2, 2, 2, 2\] heads"):
        OnnxRunner(path, shapes=[(3, 16)] * 4, **common)
    with pytest.raises(ValueError, match="heads"):
        OnnxRunner(path, shapes=[(2, 16)] * 2, **common)


def test_kv_memory_bounds_the_context(store):
    """One token takes 2 layers x 2 x 2 heads x 16 x 4 bytes."""
    model = models.load(store.open("graph"), Settings(workers=1, kv_bytes=512 * 50))
    assert model.context_length == 50
    assert model.generate("a" * 30, SamplingParams(max_tokens=20, temperature=0)).completion_tokens == 20


def test_unknown_runtimes_and_precisions_are_refused(tmp_path):
    for wrong in ({"runtime": "tensorflow"}, {"precision": "int2"}):
        with pytest.raises(
            ValueError, match="expected a runtime of auto, torch and a precision of float32, int8, int4"
        ):
            pack_checkpoint(tmp_path, name="none", store=tmp_path, **wrong)
