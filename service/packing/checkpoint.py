"""Pack a text-generation checkpoint: read it, write it as it will be served, prove it, publish it.

    pack_checkpoint("SmolLM2-135M-Instruct", name="smollm2", license="Apache-2.0")

The folder holds config.json, a tokenizer, and either weights in the Hugging Face layout or a
state dict: what `torch.save(model.state_dict(), "checkpoint.pt")` writes. Each form stays what
it is; the weights are turned to float32 here, so that a worker can map them and cast nothing.

What ONNX Runtime can run is compiled besides, in float32 or with quantised weights.

Proof: the version, loaded as a worker loads it, must give transformers' own greedy tokens. Where a
compiled one does not, torch serves it; a quantised one cannot, so the manifest tells how far it is off.
"""

import pickle
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ..models.checkpoints import assemble, misfit, read_config
from ..store.manifest import Manifest
from ..store.versions import check_name
from .decoder import PRECISIONS, Uncompilable, compile_decoder
from .open_source_file import open_store
from .provenance import provenance
from .text_proof import kept, proven

__all__ = ["pack_checkpoint"]

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "onnxruntime", "onnxruntime-genai")
RUNTIMES = ("auto", "torch")

WHOLE = ("model.safetensors", "pytorch_model.bin")
HUGGING_FACE = (*WHOLE, *(f"{name}.index.json" for name in WHOLE))  # an index where the weights are in several files
STATE_DICTS = ("*.pt", "*.pth")
WRAPPERS = ("state_dict", "model_state_dict", "model")  # where training scripts put the state dict in a checkpoint


def pack_checkpoint(
    folder,
    *,
    name,
    store=None,
    version=None,
    source=None,
    license=None,
    metrics=None,
    prompt="Once upon a time",
    runtime="auto",
    precision="float32",
):
    """Pack the checkpoint in `folder` as a new version of the model `name`, and make it current.

    source, license: where it came from and its terms, for the provenance. prompt: of the
    stored example, which every worker replays when it starts. metrics: kept as given.
    runtime: "torch" does not compile it; "auto" does where that can be done and proven.
    precision: of a compiled model's weights, float32, int8 or int4.

    Returns the StoredVersion. Raises ValueError saying what cannot be packed and why.
    """
    check_name(name)
    if runtime not in RUNTIMES or precision not in PRECISIONS:
        raise ValueError(f"expected a runtime of {', '.join(RUNTIMES)} and a precision of {', '.join(PRECISIONS)}")
    folder = Path(folder)
    network, weights = read_checkpoint(folder)
    tokenizer = read_tokenizer(folder)
    store = open_store(store)
    with store.adding(name, version) as draft:
        write_network(network, draft.folder / weights)
        network.config.save_pretrained(draft.folder)
        tokenizer.save_pretrained(draft.folder)
        if (folder / "generation_config.json").exists():
            shutil.copyfile(folder / "generation_config.json", draft.folder / "generation_config.json")
        described = compiled(network, tokenizer, draft.folder, precision) if runtime == "auto" else kept("asked for")
        manifest = Manifest(
            model=draft.model,
            version=draft.version,
            kind="text_generation",
            files=draft.digests(),
            spec=describe(network, tokenizer, weights) | {"runtime": described},
            metrics=metrics or {},
            provenance=provenance(*LIBRARIES, source=source or folder.name, license=license),
        )
        draft.manifest = proven(draft, manifest, network, tokenizer, prompt)
    return store.open(draft.model, draft.version)


def compiled(network, tokenizer, folder, precision):
    """Write its graph into `folder` if it can be had: what the manifest says under "runtime".

    Raises ValueError where a quantised one was asked for, which torch cannot stand in for.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".source-", dir=folder) as source:
            network.save_pretrained(source)
            tokenizer.save_pretrained(source)
            return compile_decoder(source, folder, precision)
    except Uncompilable as error:
        if precision != "float32":
            raise ValueError(f"it cannot be compiled to {precision}: {error}") from error
        return kept(str(error))


def read_checkpoint(folder):
    """(the network in float32, the name its weights get in the version)."""
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} holds no config.json: not a checkpoint in the Hugging Face layout")
    if any((folder / name).exists() for name in HUGGING_FACE):
        return read_hugging_face(folder), "model.safetensors"
    found = sorted(path for pattern in STATE_DICTS for path in folder.glob(pattern))
    if len(found) != 1:
        told = f"several state dicts ({', '.join(path.name for path in found)})" if found else "no weights"
        raise ValueError(f"{folder} holds {told}; expected model.safetensors, or one .pt or .pth file")
    state = read_state_dict(found[0])
    with reading(folder):
        network = assemble(read_config(folder), state)
    network.config.dtype = torch.float32
    return network.float(), "model.pt"


def read_hugging_face(folder):
    with reading(folder):
        network, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, by name
        )
    faults = [f"lack {name}" for name in sorted(report["missing_keys"])]
    faults += [f"hold {name} in another shape" for name, *_ in sorted(report["mismatched_keys"])]
    if faults:
        raise ValueError(f"{folder}: {misfit(faults)}")
    return network.requires_grad_(False).eval()


@contextmanager
def reading(path):
    """Whatever the parsers of configs, tokenizers and weights raise becomes a ValueError of one line."""
    try:
        yield
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} holds more than tensors (a whole pickled module?), and unpickling it would run its code; "
            "save the state dict alone: torch.save(model.state_dict(), path)"
        ) from error
    except Exception as error:
        told = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path} cannot be read as a checkpoint: {told}") from error


def read_state_dict(path):
    """The tensors of a state dict: {name: tensor}. Nothing in the file is executed."""
    with reading(path):
        state = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise ValueError(f"{path} is not a state dict: expected names with tensors")
    return state


def read_tokenizer(folder):
    """The tokenizer, in the form of the `tokenizers` library, which serves it without transformers."""
    with reading(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.is_fast:
        raise ValueError(f"{folder}: {type(tokenizer).__name__} has no tokenizer.json form, so it cannot be served")
    return tokenizer


def write_network(network, path):
    """Write the weights; one that is tied to another is written once."""
    state = network.state_dict()
    if path.suffix == ".pt":
        torch.save(state, path)
        return
    once = {tensor.data_ptr(): name for name, tensor in reversed(state.items())}
    save_file({name: state[name].contiguous() for name in once.values()}, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes files that only their owner may read


def describe(network, tokenizer, weights):
    config = network.config.get_text_config()
    context_length = getattr(config, "max_position_embeddings", None)
    if not context_length:
        raise ValueError(f"{type(network).__name__} does not tell its context length (max_position_embeddings)")
    return {
        "architecture": type(network).__name__,
        "weights": weights,
        "dtype": "float32",
        "parameter_count": sum(one.numel() for one in network.parameters()),
        "context_length": context_length,
        "vocabulary_size": config.vocab_size,
        "eos_token_ids": end_tokens(network, tokenizer),
    }


def end_tokens(network, tokenizer):
    """Every token id that ends a text: the generation config's, else the config's, and the tokenizer's."""
    configured = network.generation_config.eos_token_id
    if configured is None:
        configured = network.config.get_text_config().eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return sorted({one for one in (*listed, tokenizer.eos_token_id) if one is not None})
