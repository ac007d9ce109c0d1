"""Compile a checkpoint into a decoder graph for ONNX Runtime, which a worker runs without torch.

    runtime = compile_decoder(source, folder, "float32")    # writes model.onnx into folder
    runtime["payload"], runtime["layers"]                   # "model.onnx", 30

The graph is made by ONNX Runtime GenAI's model builder, in a process of its own. Of architectures that it does not
know, decoder_export makes one.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..generation.batch_check import check_batching
from ..generation.onnx_runner import OnnxRunner, kv_shapes

__all__ = ["COMPILER", "GRAPH", "PRECISIONS", "Uncompilable", "compile_decoder", "discard", "publish"]

PRECISIONS = {"float32": "fp32", "int8": "int8", "int4": "int4"}  # ours -> the builder's
COMPILER = "onnxruntime-genai"
BUILDER = "onnxruntime_genai.models.builder"
INSTALL = "pip install onnx==1.23.2 onnx_ir==1.1.0 && pip install --no-deps onnxruntime-genai==0.18.0"
GRAPH = "model.onnx"
PARTS = (GRAPH, f"{GRAPH}.data")  # the nodes; the weights, which stay mapped from their file
# Logits of a prompt's last token only: those of all 500 would take 100 MB. Separate embeddings: shared with the
# output's weights, they would be derived when a worker loads, and be its private memory.
OPTIONS = ("prune_lm_head=true", "shared_embeddings=false")
TRIAL_LENGTH = 64  # tokens


class Uncompilable(Exception):
    """A checkpoint that cannot become a graph; the message says why."""


def compile_decoder(source: Path | str, folder: Path | str, precision: str) -> dict[str, Any]:
    """Write the graph of the checkpoint in `source` into `folder`; returns the manifest's "runtime".

    source: in the Hugging Face layout, safetensors. precision: of the weights, one of PRECISIONS.
    Raises Uncompilable.
    """
    if importlib.util.find_spec("onnxruntime_genai") is None:
        raise Uncompilable(f"the compiler is not installed: {INSTALL}")
    source, folder = Path(source).resolve(), Path(folder).resolve()  # the builder runs in another folder
    with tempfile.TemporaryDirectory(prefix=".graph-", dir=folder) as draft:
        build(source, Path(draft), PRECISIONS[precision])
        decoder = json.loads(Path(draft, "genai_config.json").read_text(encoding="utf-8"))["model"]["decoder"]
        runtime = {
            "name": "onnx",
            "compiler": COMPILER,
            "payload": GRAPH,
            "precision": precision,
            "layers": decoder["num_hidden_layers"],
            "heads": decoder["num_key_value_heads"],
            "head_size": decoder["head_size"],
        }
        publish(Path(draft), folder, runtime)
    return runtime


def publish(draft: Path, folder: Path, runtime: dict[str, Any]) -> None:
    """Move a graph from `draft` into the version's folder. Raises Uncompilable where it cannot be run."""
    check_runs(draft / GRAPH, runtime)
    for name in PARTS:
        shutil.move(draft / name, folder / name)
        (folder / name).chmod(0o644)


def discard(folder: Path) -> None:
    """Remove a graph that is not to be served."""
    for name in PARTS:
        Path(folder, name).unlink()


def build(source: Path, draft: Path, precision: str) -> None:
    """Run the model builder in a process of its own. Raises Uncompilable."""
    command = [sys.executable, "-m", BUILDER, "-i", str(source), "-o", str(draft), "-p", precision, "-e", "cpu"]
    command += ["-c", str(draft / "cache"), "--extra_options", *OPTIONS]
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=draft)
    if ran.returncode:
        lines = [line for line in ran.stderr.splitlines() if line.strip()] or ["no reason given"]
        said = (
            lines[-1].strip().replace(f"The {source} model", "this architecture").replace(str(source), "the checkpoint")
        )
        raise Uncompilable(f"the model builder refused {architecture(source)}: {said}")


def architecture(source: Path) -> str:
    return json.loads((source / "config.json").read_text(encoding="utf-8"))["architectures"][0]


def check_runs(path: Path, runtime: dict[str, Any]) -> None:
    """Raises Uncompilable for a graph that the engine cannot feed, or that mixes rows up."""
    try:
        check_batching(OnnxRunner(path, shapes=kv_shapes(runtime), rows=3, length=TRIAL_LENGTH, threads=1))
    except Exception as error:
        raise Uncompilable(f"its graph cannot be run: {str(error).splitlines()[0]}") from error
