"""Export a causal language model of transformers as a decoder graph, where the model builder does not know it.

    runtime = export_decoder(network, folder)      # writes model.onnx into folder

The network itself is traced; only its attention is replaced, by ONNX Runtime's GroupQueryAttention, which reads the
past keys and values from the slots' memory and writes the new ones there. So every architecture comes along whose
attention transformers lets one exchange, with its positions, norms, windows and soft caps.
"""

from __future__ import annotations

import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.cache_utils import Cache, CacheLayerMixin
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface
from transformers.models.falcon.modeling_falcon import FalconAttention, apply_rotary_pos_emb

from .decoder import GRAPH, Uncompilable, publish
from .torch_export import cause, export

__all__ = ["export_decoder"]

NAME = "daylight"  # of our attention, among those of transformers
OPERATOR = "com.microsoft::GroupQueryAttention"
# What networks hand on to their attention that changes nothing in a served model.
IDLE = {"dropout", "is_causal", "position_ids", "cache_position", "use_cache"}


def export_decoder(network: Any, folder: Path) -> dict[str, Any]:
    """Write the graph of a network into `folder`; returns the manifest's "runtime". Raises Uncompilable."""
    architecture = type(network).__name__
    try:
        with tempfile.TemporaryDirectory(prefix=".graph-", dir=folder) as draft, exchanged(network) as attention:
            layers, heads, size = measured(network, attention)
            runtime = {
                "name": "onnx",
                "compiler": "torch.onnx",
                "payload": GRAPH,
                "precision": "float32",
                "layers": layers,
                "heads": heads,
                "head_size": size,
            }
            write(Step(network, attention, layers), Path(draft, GRAPH), runtime)
            publish(Path(draft), folder, runtime)
    except Uncompilable as error:
        raise Uncompilable(f"{architecture} has no graph: {error}") from error
    except Exception as error:  # a network may do whatever cannot be traced
        raise Uncompilable(f"{architecture} cannot be exported: {cause(error)}") from error
    return runtime


class NewTokens(CacheLayerMixin):
    """A layer's cache that holds nothing: the attention gets the new keys and values alone."""

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """There is no memory."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return key_states, value_states

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return -1


class Attention:
    """The attention of a network: computed, to learn the sizes of its layers, and traced as an operator of the graph.

    sizes: {layer: (heads of keys and values, size of a head)}. past, present: {layer: (keys, values)} of the traced
    call, both [rows, heads, length, size].
    """

    def __init__(self) -> None:
        self.sizes: dict[int, tuple[int, int]] = {}
        self.past: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.present: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.lengths: tuple[torch.Tensor, ...] = ()  # of each row less 1, and of the longest: int32

    def __call__(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        *,
        scaling: float | None = None,
        sliding_window: int | None = None,
        softcap: float | None = None,
        **others: Any,
    ) -> tuple[torch.Tensor, None]:
        """query, key, value: [rows, heads, tokens, size]; returns [rows, tokens, heads, size]."""
        unknown = sorted(
            name for name, given in others.items() if name not in IDLE and given is not None and given is not False
        )
        if unknown:
            raise Uncompilable(f"its attention takes {', '.join(unknown)}, which the operator has not")
        if key.shape != value.shape:
            raise Uncompilable("its keys and values differ in size")
        rows, heads, tokens, size = query.shape
        if not torch.compiler.is_exporting():
            self.sizes[module.layer_idx] = (key.shape[1], size)
            attended = scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=True)
            return attended.transpose(1, 2), None
        attributes: dict[str, Any] = {"num_heads": heads, "kv_num_heads": key.shape[1]}
        if scaling is not None:
            attributes["scale"] = float(scaling)
        if sliding_window is not None:
            attributes["local_window_size"] = int(sliding_window)
        if softcap is not None:
            attributes["softcap"] = float(softcap)
        flat = [each.transpose(1, 2).reshape(rows, tokens, -1) for each in (query, key, value)]
        past = self.past[module.layer_idx]
        attended, *present = torch.onnx.ops.symbolic_multi_out(
            OPERATOR,
            [*flat, *past, *self.lengths],
            attrs=attributes,
            dtypes=[query.dtype] * 3,
            shapes=[[rows, tokens, heads * size], *(list(each.shape) for each in past)],
            version=1,
        )
        self.present[module.layer_idx] = (present[0], present[1])
        return attended.reshape(rows, tokens, heads, size), None


class Step(torch.nn.Module):
    """What the graph computes, with the inputs and outputs that OnnxRunner binds."""

    def __init__(self, network: Any, attention: Attention, layers: int) -> None:
        super().__init__()
        self.network, self.attention, self.layers = network, attention, layers

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        position_ids: torch.Tensor,
        past: list[torch.Tensor],
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """input_ids, position_ids: int64 [rows, tokens]. attention_mask: int64 [rows, tokens seen], padded on the
        right. past: keys and values of each layer, [rows, heads, length, size]. Returns logits of the last tokens.
        """
        attention = self.attention
        attention.past = {layer: (past[2 * layer], past[2 * layer + 1]) for layer in range(self.layers)}
        longest = torch.scalar_tensor(attention_mask.shape[1], dtype=torch.int32)
        attention.lengths = ((attention_mask.sum(1) - 1).to(torch.int32), longest)
        output = call(self.network, input_ids, position_ids, self.layers)
        present = [each for layer in range(self.layers) for each in attention.present[layer]]
        return output.logits, present


def call(network: Any, input_ids: torch.Tensor, position_ids: torch.Tensor, layers: int) -> Any:
    return network(
        input_ids=input_ids,
        position_ids=position_ids,
        past_key_values=Cache(layers=[NewTokens() for _ in range(layers)]),
        use_cache=True,
        logits_to_keep=1,
    )


@torch.inference_mode()
def measured(network: Any, attention: Attention) -> tuple[int, int, int]:
    """(layers, heads, size of a head). Raises Uncompilable for layers that differ, or that our attention is not in."""
    layers = network.config.get_text_config().num_hidden_layers
    call(network, torch.tensor([[0, 1, 0]]), torch.arange(3)[None], layers)
    if sorted(attention.sizes) != list(range(layers)):
        raise Uncompilable("its layers compute their attention, or what they have in its place, in a way of their own")
    sizes = set(attention.sizes.values())
    if len(sizes) > 1:
        raise Uncompilable("its layers have heads of several sizes")
    return (layers, *sizes.pop())


def write(step: Step, path: Path, runtime: dict[str, Any]) -> None:
    rows, tokens, seen, length = 2, 3, 5, 16  # of the example; any will do
    past = [torch.zeros(rows, runtime["heads"], length, runtime["head_size"]) for _ in range(2 * runtime["layers"])]
    new = {0: "rows", 1: "tokens"}
    of_layers = [f"{layer}.{part}" for layer in range(runtime["layers"]) for part in ("key", "value")]
    export(
        step,
        (
            torch.zeros(rows, tokens, dtype=torch.int64),
            torch.ones(rows, seen, dtype=torch.int64),
            torch.arange(seen - tokens, seen).repeat(rows, 1),
            past,
        ),
        path,
        inputs=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{each}" for each in of_layers)],
        outputs=["logits", *(f"present.{each}" for each in of_layers)],
        dynamic=(new, {0: "rows", 1: "seen"}, new, [{0: "rows", 2: "length"}] * len(past)),
    )


@contextmanager
def exchanged(network: Any) -> Iterator[Attention]:
    """The network with our attention in place of its own."""
    attention = Attention()
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, no_mask)  # the operator masks by the rows' lengths
    before = network.config._attn_implementation
    falcons = [module for module in network.modules() if isinstance(module, FalconAttention)]
    for module in falcons:
        module.__dict__["forward"] = types.MethodType(attend_as_falcon, module)
    try:
        network.set_attn_implementation(NAME)
        yield attention
    finally:
        for module in falcons:
            del module.__dict__["forward"]
        network.set_attn_implementation(before)


def no_mask(*arguments: Any, **options: Any) -> None:
    """In place of the masks that networks make."""


def attend_as_falcon(
    self: Any,
    hidden_states: torch.Tensor,
    alibi: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    *,
    layer_past: Cache,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """FalconAttention.forward, which calls torch itself, with the attention that transformers has registered."""
    if alibi is not None:
        raise Uncompilable("its attention adds a bias to each distance (ALiBi), which no graph has yet")
    rows, tokens, _ = hidden_states.shape
    query, key, value = (each.transpose(1, 2) for each in self._split_heads(self.query_key_value(hidden_states)))
    query, key = apply_rotary_pos_emb(query, key, *position_embeddings)
    key, value = layer_past.update(key, value, self.layer_idx)
    attended, _ = AttentionInterface()[NAME](self, query, key, value)
    return self.dense(attended.reshape(rows, tokens, -1)), None
