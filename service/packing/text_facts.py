"""What the manifest says of a text generator, and what makes one unfit to be served at all.

describe(network, tokenizer, "model.safetensors", None)["context_length"]     # 8192
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["LARGEST", "check_finite", "check_tokenizer", "describe"]

# What configs call the number of tokens that a network was made for; those of ALiBi and of state spaces need none.
CONTEXT_LENGTHS = ("max_position_embeddings", "max_seq_len", "seq_length", "n_positions", "n_ctx")
UNBOUNDED = 2048  # tokens, where neither the config nor the tokenizer says a number
LARGEST = 2**24  # transformers' tokenizers say 10**30 where they know none


def describe(network: Any, tokenizer: Any, weights: str, context_length: int | None) -> dict[str, Any]:
    """The spec of the manifest, but for the runtime. weights: their file's name. context_length: what was asked for.

    Raises ValueError for weights that are no numbers, a tokenizer that does not fit, or a context that is too long.
    """
    check_finite(network)
    vocabulary_size = network.config.get_text_config().vocab_size
    check_tokenizer(tokenizer, vocabulary_size)
    length, notes = bounded_context(network, tokenizer, context_length)
    return {
        "architecture": type(network).__name__,
        "weights": weights,
        "dtype": "float32",
        "parameter_count": sum(parameter.numel() for parameter in network.parameters()),
        "context_length": length,
        "vocabulary_size": vocabulary_size,
        "eos_token_ids": end_tokens(network, tokenizer),
    } | ({"notes": notes} if notes else {})


def check_finite(network: Any) -> None:
    """Raise ValueError where a weight is NaN or infinite: every text would be nonsense, and no proof could see it."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            count = int((~torch.isfinite(tensor)).sum())
            raise ValueError(f"{name} holds {count} numbers that are NaN or infinite, of {tensor.numel()}")


def check_tokenizer(tokenizer: Any, vocabulary_size: int) -> None:
    """Raise ValueError where the tokenizer writes ids that the network has no embedding for."""
    text, largest = max(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    if largest >= vocabulary_size:
        raise ValueError(
            f"the tokenizer is larger than the vocabulary: {text!r} has the id {largest}, and the network has "
            f"embeddings for {vocabulary_size} ids; model.resize_token_embeddings(len(tokenizer)) adds the rest"
        )


def bounded_context(network: Any, tokenizer: Any, asked: int | None) -> tuple[int, list[str]]:
    """(tokens, sentences for the person who packs). Raises ValueError for more than the network was made for."""
    config = network.config.get_text_config()
    told = [getattr(config, name, None) for name in CONTEXT_LENGTHS]
    most = next((value for value in told if isinstance(value, int) and value > 0), None)
    if asked is not None:
        if not 1 < asked <= (most or LARGEST):
            raise ValueError(f"expected a context length of 2 to {most or LARGEST} tokens, got {asked}")
        return asked, []
    if most:
        return most, []
    learned = getattr(tokenizer, "model_max_length", LARGEST)
    length = learned if 1 < learned < LARGEST else UNBOUNDED
    source = "the tokenizer's" if length == learned else "a bound of Daylight's"
    return length, [
        f"{type(network).__name__} tells no context length; {length} tokens are {source}, --context-length sets another"
    ]


def end_tokens(network: Any, tokenizer: Any) -> list[int]:
    """Every token id that ends a completion: the generation config's, else the config's, and the tokenizer's."""
    configured = network.generation_config.eos_token_id
    if configured is None:
        configured = network.config.get_text_config().eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return sorted({token for token in (*listed, tokenizer.eos_token_id) if token is not None})
