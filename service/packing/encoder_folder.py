"""What the files of an encoder say: its network, pooling, longest text, prompts, and how its numbers are read.

    read_embedder(Path("all-MiniLM-L6-v2")).pooling     # "mean"

What changes the numbers and is not served is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .checkpoint_task import CONFIG, MODULES, SHARED, read_json
from .text_facts import LARGEST

__all__ = ["TRANSFORMER", "Embedder", "longest_text", "problem_of", "read_embedder"]

# The settings of the first module, by the names that its classes gave the file.
TRANSFORMER = ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json")
POOLINGS = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
STAGES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")


@dataclass(frozen=True)
class Embedder:
    """network: the folder of the network and its tokenizer. max_tokens: of a text, with the tokenizer's marks; None
    where no file of sentence-transformers says it. prompts: {name: what is put before a text}. prompt: the name of the
    one that is, or None."""

    network: Path
    pooling: str = "mean"
    normalized: bool = False
    max_tokens: int | None = None
    lowercase: bool = False
    strip: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    prompt: str | None = None


def read_embedder(folder: Path) -> Embedder:
    """A folder of sentence-transformers, or a plain encoder, whose tokens are averaged as sentence-transformers does.

    Raises ValueError for what is missing, or is not served.
    """
    if not (folder / MODULES).exists():
        return Embedder(folder)
    try:
        listed = read_json(folder, MODULES, list)
        modules = [(each["type"].rpartition(".")[2], inside(folder, each["path"])) for each in listed]
    except (LookupError, TypeError, AttributeError):
        raise ValueError(f"{folder / MODULES} is no list of modules, each with its type and path") from None
    stages = [kind for kind, _ in modules]
    if stages not in STAGES:
        raise ValueError(
            f"{folder} has the modules {', '.join(stages) or 'none'}; served are Transformer, Pooling, and Normalize "
            "where the vectors have the length 1, in this order"
        )
    network = modules[0][1]
    settings: dict[str, Any] = next((read_json(network, name) for name in TRANSFORMER if (network / name).exists()), {})
    shared = read_json(folder, SHARED) if (folder / SHARED).exists() else {}
    told = shared.get("prompts") or {}
    if not isinstance(told, dict) or not all(isinstance(text, str | None) for text in told.values()):
        raise ValueError(f"{folder / SHARED}: prompts is no object of texts")
    prompts = {name: text for name, text in told.items() if text}
    default = shared.get("default_prompt_name")
    if default is not None and default not in told:
        raise ValueError(f"{folder / SHARED}: default_prompt_name is {default!r}, which is none of its prompts")
    return Embedder(
        network,
        pooling(modules[1][1]),
        len(modules) == 3,
        settings.get("max_seq_length"),
        bool(settings.get("do_lower_case")),
        strip=True,
        prompts=prompts,
        prompt=default if default in prompts else None,
    )


def pooling(folder: Path) -> str:
    """One of POOLINGS. Raises ValueError for any other, and for several together."""
    config = read_json(folder)
    chosen = config.get("pooling_mode")
    if chosen is None:
        modes = [name for name, given in config.items() if name.startswith("pooling_mode_") and given]
        chosen = [POOLINGS.get(name, name.removeprefix("pooling_mode_")) for name in modes]
    chosen = chosen if isinstance(chosen, list | tuple) else [chosen]
    if len(chosen) != 1 or chosen[0] not in POOLINGS.values():
        told = ", ".join(map(str, chosen)) or "nothing"
        raise ValueError(f"{folder} pools by {told}; served is one of {', '.join(POOLINGS.values())}")
    if config.get("include_prompt") is False:
        raise ValueError(f"{folder} leaves the prompt out of the pooling (include_prompt), which is not served")
    return chosen[0]


def longest_text(told: int | None, network: Any, tokenizer: Any, asked: int | None) -> int:
    """Tokens of a text, with the tokenizer's marks. told: by sentence-transformers. asked: for fewer.

    Raises ValueError where more were asked for than the network reads.
    """
    # RoBERTa and its like number their positions from the padding's id + 1 on.
    offset = network.config.pad_token_id + 1 if takes_offset(network) else 0
    positions = getattr(network.config, "max_position_embeddings", None)
    limits = [positions - offset if positions else None, getattr(tokenizer, "model_max_length", None), told]
    known = [int(each) for each in limits if each and each < LARGEST]
    most = min(known, default=512)
    if asked is not None and not 2 < asked <= most:
        raise ValueError(f"expected a context length of 3 to {most} tokens, got {asked}")
    return asked or most


def takes_offset(network: Any) -> bool:
    """Whether its learned positions begin behind the id of the padding."""
    embeddings = [module for name, module in network.named_modules() if name.endswith("position_embeddings")]
    return any(getattr(each, "padding_idx", None) is not None for each in embeddings)


def problem_of(config: Any) -> str:
    """How the numbers of a classifier are read, as transformers' pipeline decides it. Raises ValueError."""
    told = config.problem_type
    if told is not None and told not in PROBLEMS:
        raise ValueError(f"{CONFIG}: problem_type is {told!r}; known are {', '.join(PROBLEMS)}")
    if told is None and config.num_labels == 1:
        raise ValueError(
            f"{CONFIG} has one label and no problem_type: a number of a text (set it to regression), one label that "
            "holds or not (multi_label_classification), or how well two texts fit (a reranker: --task rerank)"
        )
    return told or "single_label_classification"


def inside(folder: Path, path: str) -> Path:
    """A module's folder. Raises ValueError where it lies elsewhere."""
    place = folder / path
    if not place.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{folder / MODULES} names {path!r}, which is not in the folder")
    return place
