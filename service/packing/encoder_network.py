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

__all__ = [
    "Classification",
    "Embedding",
    "Encoder",
    "MaskFilling",
    "batch",
    "check_both_directions",
    "read_network",
    "write_graph",
]

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PLACES = "mask_places"


class Encoder(torch.nn.Module):
    """padding: the id that fills up shorter texts. typed: whether it takes token types, which tell a pair's texts."""

    def __init__(self, network: Any, *, typed: bool) -> None:
        super().__init__()
        self.network = network
        self.padding = int(network.config.pad_token_id or 0)
        self.typed = typed and "token_type_ids" in inspect.signature(network.forward).parameters

    def given(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """{input of the graph: tensor} for texts, padded on the right. types: None: all 0."""
        told = torch.zeros_like(ids) if types is None else types
        return dict(zip(INPUTS, (ids, mask, told) if self.typed else (ids, mask), strict=False))

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


class MaskFilling(Encoder):
    """The logits of the masked tokens alone, of each a number for every token of the vocabulary.

    Where that gives the same, only their states go through the last layer, which is as wide as the vocabulary.
    """

    def __init__(self, network: Any, mask: int, *, typed: bool) -> None:
        """mask: the id of a masked token."""
        super().__init__(network, typed=typed)
        self.mask = mask
        self.last: torch.nn.Module = torch.nn.Identity()
        ids, attended = batch([[1, mask, 2], [2, mask]], self.padding)
        with torch.inference_mode():
            expected = self.called(ids, attended, None).logits
            place = next(
                (name for name, each in network.named_modules() if each is network.get_output_embeddings()), ""
            )
            if not place:
                return
            last = network.get_submodule(place)
            network.set_submodule(place, torch.nn.Identity())
            found = last(self.called(ids, attended, None).logits)
            if found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-5, atol=1e-5):
                self.last = last
            else:
                network.set_submodule(place, last)

    def given(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        """As Encoder's, with the places of masks; 0 fills up where a text has fewer than others."""
        found = [row.nonzero()[:, 0].tolist() for row in ids == self.mask]
        places, _ = batch(found if all(found) else [[*each, 0] for each in found], 0)
        return {**super().given(ids, mask, types), PLACES: places}

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        mask_places: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `called`; mask_places: int64 [texts, masks]. Returns float32 [texts, masks, vocabulary]."""
        states = self.called(input_ids, attention_mask, token_type_ids).logits
        return self.last(states.gather(1, mask_places.unsqueeze(-1).expand(-1, -1, states.shape[-1])))


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
    marked = getattr(module, "mask", 3)
    given = module.given(*batch([[1, marked, marked, marked, 2], [2, marked, 1]], module.padding))
    names = [name for name in inspect.signature(module.forward).parameters if name in given]
    export(
        module.eval(),
        tuple(given[name] for name in names),
        path,
        inputs=names,
        outputs=["numbers"],
        dynamic=tuple({0: "texts", 1: "masks" if name == PLACES else "tokens"} for name in names),
    )
