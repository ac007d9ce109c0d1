"""Compile a checkpoint into a decoder graph for ONNX Runtime, which a worker runs without torch.

    described = compile_decoder(source, folder, "float32")      # writes model.onnx into folder
    described["payload"], described["layers"]           # "model.onnx", 30

The graph is made by ONNX Runtime GenAI's model builder, in a process of its own.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..generation.batch_check import check_batching
from ..generation.onnx_runner import OnnxRunner

__all__ = ["PRECISIONS", "Uncompilable", "compile_decoder", "discard"]

PRECISIONS = {"float32": "fp32", "int8": "int8", "int4": "int4"}  # ours -> the builder's
BUILDER = "onnxruntime_genai.models.builder"
INSTALL = "pip install onnx==1.23.2 onnx_ir==1.1.0 && pip install --no-deps onnxruntime-genai==0.18.0"
GRAPH = "model.onnx"
PARTS = (GRAPH, f"{GRAPH}.data")  # the nodes; the weights, which stay mapped from their file
# Logits of a prompt's last token only: those of all 500 would be 100 MB for nothing. Embeddings on
# their own: derived from the output's weights when a worker loads, they would be its private memory.
OPTIONS = ("prune_lm_head=true", "shared_embeddings=false")
TRIAL_LENGTH = 64  # tokens


class Uncompilable(Exception):
    """A checkpoint that has no graph; says why."""


def compile_decoder(source, folder, precision):
    """Write the graph of the checkpoint in `source` into `folder`: what the manifest says of it under "runtime".

    source: in the Hugging Face layout, safetensors. precision: of the weights, one of PRECISIONS.
    Raises Uncompilable.
    """
    if importlib.util.find_spec("onnxruntime_genai") is None:
        raise Uncompilable(f"the compiler is not installed: {INSTALL}")
    source, folder = Path(source).resolve(), Path(folder).resolve()  # the builder runs elsewhere
    with tempfile.TemporaryDirectory(prefix=".graph-", dir=folder) as made:
        build(source, Path(made), PRECISIONS[precision])
        decoder = json.loads(Path(made, "genai_config.json").read_text(encoding="utf-8"))["model"]["decoder"]
        described = {
            "name": "onnx",
            "payload": GRAPH,
            "precision": precision,
            "layers": decoder["num_hidden_layers"],
            "heads": decoder["num_key_value_heads"],
            "head_size": decoder["head_size"],
        }
        try_out(Path(made, GRAPH), described)
        for name in PARTS:
            shutil.move(Path(made, name), Path(folder, name))
            Path(folder, name).chmod(0o644)
    return described


def discard(folder):
    """Remove a graph that is not to be served."""
    for name in PARTS:
        Path(folder, name).unlink()


def build(source, made, precision):
    command = [sys.executable, "-m", BUILDER, "-i", str(source), "-o", str(made), "-p", precision, "-e", "cpu"]
    command += ["-c", str(made / "cache"), "--extra_options", *OPTIONS]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=made)
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise Uncompilable(f"the model builder refused it: {told[-1].strip()}")


def try_out(path, described):
    """Raises Uncompilable for a graph that the engine cannot feed, or that mixes rows up."""
    shapes = [(described["heads"], described["head_size"])] * (2 * described["layers"])
    try:
        check_batching(OnnxRunner(path, shapes=shapes, rows=3, length=TRIAL_LENGTH, threads=1))
    except Exception as error:
        raise Uncompilable(f"its graph cannot be run: {str(error).splitlines()[0]}") from error
