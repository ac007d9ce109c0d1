"""The kinds that encoders are packed as: what of each is compiled, and what its manifest says.

module, tokenizer, spec = KINDS["text_embedding"](folder, None)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import in_a_line
from ..models.tables.column import Column
from .checkpoint import read_tokenizer, reading
from .checkpoint_task import CONFIG, is_entailment
from .cross_encoder import read_cross_encoder
from .encoder_folder import Embedder, longest_text, problem_of, read_embedder
from .encoder_network import Classification, Embedding, Encoder, MaskFilling, check_both_directions, read_network
from .text_facts import check_tokenizer

__all__ = ["KINDS", "labels_of"]

COLUMN = "text"  # of the table that a classifier reads
PAIR = ("query", "text")  # of the table that a reranker reads


def opened(folder: Path, auto: str) -> tuple[Any, Any]:
    """(network, tokenizer) of a checkpoint. auto: transformers' class that loads it. Raises ValueError."""
    with reading(folder):
        network = read_network(folder, auto)
    return network, read_tokenizer(folder)


def embedding(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """(what is compiled, the tokenizer, the manifest's spec). Raises ValueError."""
    read = read_embedder(folder)
    with reading(read.network):
        network = read_network(read.network, "AutoModel")
        if read.network == folder and read == Embedder(folder):
            check_both_directions(network)
    tokenizer = read_tokenizer(read.network)
    module = Embedding(network, read.pooling, normalized=read.normalized, typed=typed(tokenizer))
    spec = described(module, tokenizer, read.max_tokens, max_tokens) | {
        "pooling": read.pooling,
        "normalized": read.normalized,
        "dimension": network.config.hidden_size,
        "lowercase": read.lowercase,
        "strip": read.strip,
        "prompts": dict(read.prompts),
        "prompt": read.prompt,
    }
    return module, tokenizer, spec


def classification(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    network, tokenizer = opened(folder, "AutoModelForSequenceClassification")
    problem, labels = problem_of(network.config), labels_of(network, folder)
    module = Classification(network, typed=typed(tokenizer))
    spec = described(module, tokenizer, None, max_tokens) | {
        "estimator": type(network).__name__,
        "task": problem.replace("_", " "),
        "problem": problem,
        "pairs": takes_pairs(module),
        "labels": labels,
        "container": "list",
        "columns": [Column(COLUMN, "text", "object").to_json()],
        "outputs": outputs(problem, labels),
    }
    return module, tokenizer, spec


def labels_of(network: Any, folder: Path) -> list[str]:
    """Raises ValueError where two have the same name."""
    labels = [str(network.config.id2label[place]) for place in range(network.config.num_labels)]
    if len(set(labels)) < len(labels):
        raise ValueError(f"{folder}: several of its labels have the same name: {in_a_line(', '.join(labels), 200)}")
    return labels


def takes_pairs(module: Encoder) -> bool:
    """Whether it reads two texts as a pair: not where the tokenizer's token types are more than the network has."""
    return not module.typed or getattr(module.network.config, "type_vocab_size", 2) != 1


def outputs(problem: str, labels: list[str]) -> dict[str, dict[str, Any]]:
    """What the table of a classifier gives, as the manifest describes it."""
    if problem == "regression":
        shape = [None] if len(labels) == 1 else [None, len(labels)]
        return {"predict": {"dtype": "number", "shape": shape}}
    dtype = "string" if problem == "single_label_classification" else "object"
    return {
        "predict": {"dtype": dtype, "shape": [None]},
        "predict_proba": {"dtype": "number", "shape": [None, len(labels)], "labels": labels},
    }


def typed(tokenizer: Any) -> bool:
    return "token_type_ids" in tokenizer.model_input_names


def described(module: Encoder, tokenizer: Any, told: int | None, asked: int | None) -> dict[str, Any]:
    """What every encoder's spec has. Raises ValueError for a tokenizer that does not fit, or for too many tokens."""
    network = module.network
    vocabulary_size = network.config.get_text_config().vocab_size
    check_tokenizer(tokenizer, vocabulary_size)
    return {
        "architecture": type(network).__name__,
        "parameter_count": sum(parameter.numel() for parameter in network.parameters()),
        "max_tokens": longest_text(told, network, tokenizer, asked),
        "vocabulary_size": vocabulary_size,
        "padding_id": module.padding,
        "token_types": module.typed,
    }


def reranking(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    read = read_cross_encoder(folder)
    network, tokenizer = opened(folder, "AutoModelForSequenceClassification")
    module = Classification(network, typed=typed(tokenizer))
    spec = described(module, tokenizer, read.max_tokens, max_tokens) | {
        "estimator": type(network).__name__,
        "task": "reranking",
        "activation": read.activation,
        "container": "array",
        "columns": [Column(name, "text", "object").to_json() for name in PAIR],
        "outputs": {"predict": {"dtype": "number", "shape": [None]}},
    }
    return module, tokenizer, spec


def token_classification(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    network, tokenizer = opened(folder, "AutoModelForTokenClassification")
    module = Classification(network, typed=typed(tokenizer))
    spec = described(module, tokenizer, None, max_tokens) | {
        "task": "token classification",
        "labels": labels_of(network, folder),
        "unknown_id": tokenizer.unk_token_id,
    }
    return module, tokenizer, spec


def zero_shot_classification(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    network, tokenizer = opened(folder, "AutoModelForSequenceClassification")
    module = Classification(network, typed=typed(tokenizer))
    if not takes_pairs(module):
        raise ValueError(f"{folder}: {type(network).__name__} tells no two texts apart")
    labels = labels_of(network, folder)
    entailment = next((at for at, label in enumerate(labels) if is_entailment(label)), None)
    if entailment is None or len(labels) == 1:
        raise ValueError(
            f"{folder} has the labels {in_a_line(', '.join(labels), 200)}; to classify by labels of the request, one "
            f"of several has to begin with 'entail' (id2label and label2id in {CONFIG})"
        )
    spec = described(module, tokenizer, None, max_tokens) | {
        "task": "zero-shot classification",
        "labels": labels,
        "entailment": entailment,
        "truncation": "only_first",
    }
    return module, tokenizer, spec


def mask_filling(folder: Path, max_tokens: int | None) -> tuple[Encoder, Any, dict[str, Any]]:
    """As `embedding`."""
    network, tokenizer = opened(folder, "AutoModelForMaskedLM")
    if tokenizer.mask_token_id is None:
        raise ValueError(f"{folder}: its tokenizer has no mask (mask_token)")
    bytes_joined = type(tokenizer.backend_tokenizer.model).__name__ == "BPE"
    told = described(Encoder(network, typed=typed(tokenizer)), tokenizer, None, max_tokens)
    module = MaskFilling(network, tokenizer.mask_token_id, typed=typed(tokenizer))
    spec = told | {
        "task": "fill-mask",
        "mask": tokenizer.mask_token,
        "mask_id": tokenizer.mask_token_id,
        "pad_id": tokenizer.pad_token_id,
        "clean_up": bool(tokenizer.clean_up_tokenization_spaces) and not bytes_joined,
    }
    return module, tokenizer, spec


# By what they are called in manifests; each takes the folder, and tokens of a text where fewer shall be taken.
KINDS: dict[str, Callable[[Path, int | None], tuple[Encoder, Any, dict[str, Any]]]] = {
    "fill_mask": mask_filling,
    "text_classification": classification,
    "text_embedding": embedding,
    "text_reranking": reranking,
    "token_classification": token_classification,
    "zero_shot_classification": zero_shot_classification,
}
