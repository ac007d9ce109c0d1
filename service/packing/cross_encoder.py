"""What the files of a cross-encoder say: a network that reads two texts together, and tells how well they fit.

    read_cross_encoder(Path("ms-marco-MiniLM-L6-v2")).activation      # "identity"

sentence-transformers marks its folders: in config.json, and since release 6 in files of its own. A checkpoint without
such a mark, as many rerankers are, looks like a classifier of one label; packing is told what it is: --task rerank.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..models.encoders.reranker import ACTIVATIONS
from .checkpoint_task import MODULES, SHARED, cross_encoder_marks, read_json
from .encoder_folder import TRANSFORMER

__all__ = ["CrossEncoder", "read_cross_encoder"]

TORCH = "torch.nn.modules."  # where the classes of activations are


@dataclass(frozen=True)
class CrossEncoder:
    """activation: of ACTIVATIONS, what `CrossEncoder.predict` makes of the network's number. max_tokens: of a pair,
    with the tokenizer's marks; None where no file of sentence-transformers says it."""

    activation: str
    max_tokens: int | None = None


def read_cross_encoder(folder: Path) -> CrossEncoder:
    """Raises ValueError for what is no cross-encoder of one label, or is not served."""
    config = read_json(folder)
    labels = len(config["id2label"]) if isinstance(config.get("id2label"), dict) else 2  # as transformers has it
    if labels != 1:
        raise ValueError(
            f"{folder} has {labels} labels, so it classifies pairs of texts, which is not served; a reranker has one"
        )
    shared = read_json(folder, SHARED) if (folder / SHARED).exists() else {}
    check_modules(folder)
    if shared.get("default_prompt_name") is not None:
        raise ValueError(f"{folder / SHARED}: a prompt before the texts of a pair (default_prompt_name) is not served")
    settings: dict[str, Any] = next((read_json(folder, name) for name in TRANSFORMER if (folder / name).exists()), {})
    named = [mark for mark in (shared.get("activation_fn"), *cross_encoder_marks(config)) if mark]
    name = str(named[0]) if named else f"{TORCH}activation.Sigmoid"  # what sentence-transformers takes for one label
    activation = name.rpartition(".")[2].lower()
    if not name.startswith(TORCH) or activation not in ACTIVATIONS:
        raise ValueError(f"{folder} makes its scores by {name}; served are {', '.join(ACTIVATIONS)}, of torch")
    return CrossEncoder(activation, settings.get("max_seq_length"))


def check_modules(folder: Path) -> None:
    """Raise ValueError where something follows the network, or where that lies in another folder."""
    if not (folder / MODULES).exists():
        return
    modules = read_json(folder, MODULES, list)
    try:
        stages = [(each["type"].rpartition(".")[2], each["path"]) for each in modules]
    except (LookupError, TypeError, AttributeError):
        raise ValueError(f"{folder / MODULES} is no list of modules, each with its type and path") from None
    if stages != [("Transformer", "")]:
        named = ", ".join(kind for kind, _ in stages) or "none"
        raise ValueError(f"{folder} has the modules {named}; of a cross-encoder one is served, Transformer")
