"""Pack a text-generation checkpoint: read it, write it as it will be served, prove it, publish it.

    pack_checkpoint("SmolLM2-135M-Instruct", name="smollm2", license="Apache-2.0")

The folder holds config.json, a tokenizer, and either weights in the Hugging Face layout or a state dict, which
`torch.save(model.state_dict(), "checkpoint.pt")` writes. The format is kept; the weights are converted to float32
here, so that a worker can map them without a cast.

A checkpoint that ONNX Runtime can run is also compiled, in float32 or with quantized weights: by ONNX Runtime GenAI's
model builder, or by torch's exporter where the builder does not know the architecture.

Proof: the version, loaded as a worker loads it, must give the same greedy tokens as transformers. Where a compiled one
does not, torch serves it; a quantized one cannot, so the manifest says how far it is off.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ..errors import in_a_line
from ..models.checkpoints import assemble, misfit, read_config, read_pretrained
from ..models.sampling_defaults import FILE as GENERATION
from ..models.sampling_defaults import sampling_defaults
from ..store.manifest import Manifest
from ..store.versions import StoredVersion, check_name
from .checkpoint_task import check_generates_text, check_left_to_right
from .decoder import PRECISIONS, Uncompilable, compile_decoder
from .open_source_file import open_store, promotes
from .other_ways import EXPORT_WAY
from .provenance import provenance
from .text_facts import describe
from .text_proof import exported, prove, served_by_torch

__all__ = ["pack_checkpoint", "read_state_dict", "read_tokenizer", "reading"]

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "onnxruntime", "onnxruntime-genai", "onnxscript")
RUNTIMES = ("auto", "torch")

WHOLE = ("model.safetensors", "pytorch_model.bin")
HUGGING_FACE = (*WHOLE, *(f"{name}.index.json" for name in WHOLE))  # an index where the weights are in several files
STATE_DICTS = ("*.pt", "*.pth")
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the state dict in a checkpoint


def pack_checkpoint(
    folder: Path | str,
    *,
    name: str,
    store: Path | str | None = None,
    version: str | None = None,
    promote: bool | None = None,
    why: str = "",
    source: str | None = None,
    license: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    prompt: str = "Once upon a time",
    runtime: str = "auto",
    precision: str = "float32",
    context_length: int | None = None,
) -> StoredVersion:
    """Pack the checkpoint in `folder` as a new version of the model `name`.

    source, license: where it came from and its terms, for the provenance. prompt: of the stored example, which every
    worker replays when it starts. metrics: kept in the manifest as they are. runtime: "torch" does not compile it;
    "auto" does where that can be done and proven. precision: of a compiled model's weights, float32, int8 or int4.
    context_length: tokens of prompt and completion together, where the config tells none, or for fewer.
    store, version, promote, why: as in `packing.pack`.

    Returns the new version. Raises ValueError that says what cannot be packed, and why.
    """
    check_name(name)
    if runtime not in RUNTIMES or precision not in PRECISIONS:
        raise ValueError(f"expected a runtime of {', '.join(RUNTIMES)} and a precision of {', '.join(PRECISIONS)}")
    folder = Path(folder)
    with reading(folder):
        sampling_defaults(folder)  # before anything large is read
    network, weights = read_checkpoint(folder)
    tokenizer = read_tokenizer(folder)
    with reading(folder):
        described = describe(network, tokenizer, weights, context_length)
        check_left_to_right(network)
    opened = open_store(store)
    with opened.adding(name, version, promote=promotes(promote), why=why) as draft:
        write_network(network, draft.folder / weights)
        network.config.save_pretrained(draft.folder)
        tokenizer.save_pretrained(draft.folder)
        if (folder / GENERATION).exists():
            shutil.copyfile(folder / GENERATION, draft.folder / GENERATION)
        served = (
            compiled(network, tokenizer, draft.folder, precision) if runtime == "auto" else served_by_torch("asked for")
        )
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind="text_generation",
            files=draft.digests(),
            spec=described | {"runtime": served},
            metrics=dict(metrics or {}),
            provenance=provenance(*LIBRARIES, source=source or folder.name, license=license),
        )
        draft.manifest = prove(draft, manifest, network, tokenizer, prompt)
    return opened.open(draft.model, draft.version)


def compiled(network: Any, tokenizer: Any, folder: Path, precision: str) -> dict[str, Any]:
    """Write the graph into `folder`, if the checkpoint can be compiled; returns the manifest's "runtime".

    Raises ValueError where quantized weights were asked for: only the model builder makes those.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".source-", dir=folder) as source:
            network.save_pretrained(source)
            tokenizer.save_pretrained(source)
            return compile_decoder(source, folder, precision)
    except Uncompilable as error:
        if precision != "float32":
            raise ValueError(f"it cannot be compiled to {precision}: {error}") from error
        return exported(network, folder)


def read_checkpoint(folder: Path) -> tuple[Any, str]:
    """(the network in float32, the name of its weights in the version). Raises ValueError."""
    check_generates_text(folder)
    if any((folder / name).exists() for name in HUGGING_FACE):
        return read_hugging_face(folder), "model.safetensors"
    files = sorted(path for pattern in STATE_DICTS for path in folder.glob(pattern))
    if len(files) != 1:
        what = f"several state dicts ({', '.join(path.name for path in files)})" if files else "no weights"
        raise ValueError(f"{folder} holds {what}; expected model.safetensors, or one .pt or .pth file")
    state = read_state_dict(files[0])
    with reading(folder):
        network = assemble(read_config(folder), state)
    network.config.dtype = torch.float32
    return network.float(), "model.pt"


def read_hugging_face(folder: Path) -> Any:
    """The network of a checkpoint in the Hugging Face layout. Raises ValueError."""
    with reading(folder):
        network, faults = read_pretrained(AutoModelForCausalLM, folder)
    if faults:
        raise ValueError(f"{folder}: {misfit(faults)}")
    return network.requires_grad_(False).eval()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever the parsers of configs, tokenizers and weights raise into a ValueError of one line."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors (a whole pickled module?), and unpickling it would run its code; "
            f"save the state dict alone: torch.save(model.state_dict(), path). If it is no text generator: {EXPORT_WAY}"
        ) from error
    except Exception as error:
        raise ValueError(f"{path} cannot be read as a checkpoint: {in_a_line(error)}") from error


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a state dict, by name. No code in the file is run. Raises ValueError."""
    with reading(path):
        state = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise ValueError(f"{path} is not a state dict: expected names with tensors")
    return state


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer, in the form of the `tokenizers` library, which serves it without transformers."""
    with reading(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not getattr(tokenizer, "is_fast", False):  # a damaged config may name a class that is no tokenizer
        raise ValueError(f"{folder}: {type(tokenizer).__name__} has no tokenizer.json form, so it cannot be served")
    return tokenizer


def write_network(network: Any, path: Path) -> None:
    """Write the weights; tied weights are written once."""
    state = network.state_dict()
    if path.suffix == ".pt":
        torch.save(state, path)
        return
    once = {tensor.data_ptr(): name for name, tensor in reversed(state.items())}
    save_file({name: state[name].contiguous() for name in once.values()}, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes files that only their owner may read
