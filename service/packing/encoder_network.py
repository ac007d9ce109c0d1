"""The network of an encoder as a torch module that is compiled: token ids to the numbers of each text.

module = Embedding(read_network(folder, "AutoModel"), "mean", normalized=True, typed=True)
write_graph(module, folder / "model.onnx")
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn.functional import normalize

from ..models.checkpoints import misfit, read_pretrained
from .text_facts import check_finite
from .torch_export import export

__all__ = ["Classification", "Embedding", "Encoder", "batch", "check_both_directions", "read_network", "write_graph"]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Encoder(torch.nn.Module):
    """padding: the id that fills up shorter texts. typed: whether it takes token types, which tell a pair's texts."""

    def __init__(self, network: Any, *, typed: bool) -> None:
        super().__init__()
        self.network = network
        self.padding = int(network.config.pad_token_id or 0)
        self.typed = typed and "token_type_ids" in inspect.signature(network.forward).parameters

    def called(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, types: torch.Tensor | None) -> Any:
        """input_ids, attention_mask, types: int64 [texts, tokens], padded on the right."""
        more = {} if types is None else {"token_type_ids": types}
        return self.network(input_ids=input_ids, attention_mask=attention_mask, **more)


class Embedding(Encoder):
    """Pools the states of a network's tokens to one vector a text."""

    def __init__(self, network: Any, pooling: str, *, normalized: bool, typed: bool) -> None:
        super().__init__(network, typed=typed)
        self.pooling, self.normalized = pooling, normalized

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As `called`; returns float32 [texts, dimension]."""
        states = self.called(input_ids, attention_mask, token_type_ids).last_hidden_state
        vectors = pooled(states, attention_mask, self.pooling)
        return normalize(vectors, dim=1) if self.normalized else vectors


class Classification(Encoder):
    """The logits of a network with a head for texts, or for their tokens."""

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As `called`; returns float32 [texts, labels], or [texts, tokens, labels]."""
        return self.called(input_ids, attention_mask, token_type_ids).logits


def pooled(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """states: [texts, tokens, dimension]; mask: int64 [texts, tokens]. As the Pooling of sentence-transformers."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "cls":
        return states[:, 0]
    if pooling == "max":
        return states.masked_fill(weights == 0, torch.finfo(states.dtype).min).amax(1)
    if pooling == "lasttoken":
        last = (mask.sum(1) - 1)[:, None, None].expand(-1, 1, states.shape[-1])
        return states.gather(1, last)[:, 0]
    return (states * weights).sum(1) / weights.sum(1)


def read_network(folder: Path, name: str) -> Any:
    """The network in float32. name: of the class of transformers that reads it.

    Raises ValueError where its weights do not fit, and what transformers raises.
    """
    # Pooling takes the tokens' own states: a pooler of BERT's beside them is not used. Neither is a head, which
    # sentence-transformers drops as well.
    network, faults = read_pretrained(getattr(transformers, name), folder, headless=name == "AutoModel")
    if faults:
        raise ValueError(misfit(faults))
    taken = inspect.signature(network.forward).parameters
    if not {"input_ids", "attention_mask"} <= set(taken) or network.config.is_encoder_decoder:
        raise ValueError(f"{type(network).__name__} is no encoder of texts")
    check_finite(network)
    return network.requires_grad_(False).eval()


@torch.inference_mode()
def check_both_directions(network: Any) -> None:
    """Raise ValueError for a plain network that reads from left to right: nothing tells which of its states stand for
    the text."""
    first, second = network(input_ids=torch.tensor([[1, 0, 1, 0], [1, 0, 1, 1]])).last_hidden_state
    if torch.allclose(first[:3], second[:3], rtol=1e-3, atol=1e-3 * float(first.abs().max())):
        raise ValueError(
            f"{type(network).__name__} is a model without a head that reads from left to right, and nothing tells "
            "which of its states stand for a text; save it with sentence-transformers, whose folder does"
        )


def batch(rows: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask) of texts, padded on the right."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def write_graph(module: Encoder, path: Path) -> None:
    """Raises what torch's exporter raises."""
    ids, mask = batch([[1, 2, 3], [2, 1]], module.padding)
    arguments = (ids, mask, torch.zeros_like(ids)) if module.typed else (ids, mask)
    export(
        module.eval(),
        arguments,
        path,
        inputs=INPUTS[: len(arguments)],
        outputs=["numbers"],
        dynamic=({0: "texts", 1: "tokens"},) * len(arguments),
    )
