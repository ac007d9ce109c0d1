"""Reads checkpoints as torch networks, mapped from their files. Importing this imports torch and transformers.

network = read_network("artifacts/smollm2/1", "model.safetensors")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights
from transformers.utils import logging as transformers_logging

from ..errors import StartupError

__all__ = ["assemble", "misfit", "read_config", "read_network", "read_pretrained"]

COMPUTED = (".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias")

# transformers prints advice and progress bars for notebooks; they do not belong in a server's log.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def read_config(folder: str | PathLike[str]) -> PretrainedConfig:
    """The config of a checkpoint in the Hugging Face layout. Raises OSError or ValueError."""
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_network(folder: str | PathLike[str], weights: str) -> PreTrainedModel:
    """The network in `folder`, in evaluation mode. Raises StartupError if weights and config do not fit.

    weights: the name of a `.safetensors` file, or of a state dict written by `torch.save`. They stay mapped from it,
    neither cast nor copied, so that the workers of a server share one copy. Nothing is downloaded, and no code of the
    checkpoint is run.
    """
    path = Path(folder, weights)
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        # weights_only: a pickle that holds anything but tensors raises, and is not run.
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    return assemble(read_config(folder), state)


def assemble(config: PretrainedConfig, state: Mapping[str, torch.Tensor]) -> PreTrainedModel:
    """A network of this config, made of these very tensors. Raises StartupError if they do not fit.

    It is not built on the meta device: buffers that are never saved (the frequencies of rotary embeddings) would stay
    there. Without initialization, building takes no longer.
    """
    with no_init_weights():
        network = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    try:
        absent, unknown = network.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:  # shapes that differ
        raise StartupError(f"the weights do not fit the config: {error}") from None
    network.tie_weights()
    # A tied weight may be stored once, under one of its names. To tie a bias copies it, so the memory of what was
    # loaded is that of the network's tensors, not that of the state's.
    present = network.state_dict()
    loaded = {present[name].data_ptr() for name in state if name in present}
    absent = [name for name in absent if present[name].data_ptr() not in loaded]
    faults = [f"lack {name}" for name in absent] + surplus(network, unknown)
    if faults:
        raise StartupError(misfit(faults))
    return network.requires_grad_(False).eval()


def read_pretrained(kind: Any, folder: Path, *, headless: bool = False) -> tuple[Any, list[str]]:
    """(the network in a folder of the Hugging Face layout, in float32; a fault for each tensor that does not fit).

    kind: the class of transformers that reads it. headless: a head beside the network, and BERT's pooler, which is one,
    may be there or not. Raises what transformers raises.
    """
    network, report = kind.from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # a fault, by name
    )
    unused = ("pooler.",) if headless else ()
    faults = [f"lack {name}" for name in sorted(report["missing_keys"]) if not name.startswith(unused)]
    faults += [f"hold {name} in another shape" for name, *_ in sorted(report["mismatched_keys"])]
    if not headless:
        faults += surplus(network, report["unexpected_keys"])
    return network, faults


def surplus(network: PreTrainedModel, unknown: Iterable[str]) -> list[str]:
    """A fault for each tensor that a checkpoint holds beyond those of the network: a head of another kind, perhaps.

    Older versions of transformers stored computed buffers, each layer its own; these are no fault.
    """
    computed = {name for name, _ in network.named_buffers()}
    return [
        f"hold {name}, which the network has not"
        for name in sorted(unknown)
        if name not in computed and not name.endswith(COMPUTED)
    ]


def misfit(faults: list[str]) -> str:
    """One sentence that says why the weights do not fit, with three faults by name."""
    more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
    return f"the weights do not fit the config: they {'; '.join(faults[:3])}{more}"
