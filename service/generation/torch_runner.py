"""Runs a torch network, all rows at once: for models without a graph, for machines that cannot run it, for GPUs.

    runner = TorchRunner(network, rows=16, length=8192)    # a transformers causal language model
    runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
    runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

The network is given a cache whose layers write into slots of memory, a position for each row, and a mask by which
each row attends to its own tokens alone: nothing is padded on the left, nothing is copied when a row joins or leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from .kv_cache import HostSlots, KVSlots, bytes_per_token

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TorchRunner"]


class TorchRunner:
    """For one thread at a time."""

    def __init__(self, network: PreTrainedModel, *, rows: int, length: int, kv_bytes: int = 2**30) -> None:
        """rows: slots. length: tokens of each slot; fewer where kv_bytes do not suffice for so many.

        Raises ValueError for a network whose cache is not plain keys and values of all tokens.
        """
        self.network, self.device, self.dtype = network, network.device, network.dtype
        shapes = cache_shapes(network)
        room = kv_bytes // bytes_per_token(shapes, self.dtype.itemsize)  # tokens of all slots together
        self.slots: KVSlots
        if self.device.type == "cpu" and self.dtype == torch.float32:
            self.slots = HostSlots(shapes, rows, min(length, room))
            buffers = [torch.from_numpy(buffer) for buffer in self.slots.buffers]
        else:
            # A device does not give out memory page by page: all of it is taken now, in equal parts.
            self.slots = DeviceSlots(shapes, rows, min(length, room // rows), device=self.device, dtype=self.dtype)
            buffers = self.slots.buffers
        self._window = Window(slice(0), 0, 0, (slice(0), slice(0), slice(0)))
        pairs = zip(buffers[::2], buffers[1::2], strict=True)
        self._cache = Cache(layers=[SlotLayer(keys, values, self._window) for keys, values in pairs])

    def extend(self, slot: int, ids: Sequence[int] | np.ndarray, held: int) -> np.ndarray:
        """Prefill: read `ids` after the `held` tokens of a slot; float32 logits [vocabulary] of the next token."""
        end = held + len(ids)
        self._window.rows, self._window.held, self._window.end = slice(slot, slot + 1), held, end
        self._window.written = (slice(slot, slot + 1), slice(None), slice(held, end))
        positions = torch.arange(held, end, device=self.device)[None]
        # Without earlier tokens the network makes the causal mask itself; a single new token needs none.
        visible = positions[0, :, None] >= torch.arange(end, device=self.device)
        mask = None if held == 0 or len(ids) == 1 else self._additive(visible)[None, None]
        return self._run(torch.as_tensor(np.array(ids, np.int64)[None]), positions, mask)[0]

    def step(self, ids: Sequence[int], held: Sequence[int]) -> np.ndarray:
        """Decode: one token for each slot 0..n-1, which hold `held` tokens; float32 logits [n, vocabulary]."""
        longest = max(held)
        positions = torch.tensor(held, device=self.device)[:, None]
        self._window.rows, self._window.held, self._window.end = slice(0, len(ids)), longest, longest + 1
        self._window.written = (torch.arange(len(ids), device=self.device)[:, None], slice(None), positions)
        visible = torch.arange(longest + 1, device=self.device) <= positions
        mask = None if min(held) == longest else self._additive(visible)[:, None, None]
        return self._run(torch.tensor(ids)[:, None], positions, mask)

    def _additive(self, visible: torch.Tensor) -> torch.Tensor:
        """The form of mask that every attention takes: 0 where a token is visible, the lowest number elsewhere."""
        lowest = torch.finfo(self.dtype).min
        return torch.zeros(visible.shape, dtype=self.dtype, device=self.device).masked_fill_(~visible, lowest)

    @torch.inference_mode()
    def _run(self, ids: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None) -> np.ndarray:
        output = self.network(
            input_ids=ids.to(self.device),
            position_ids=positions,
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1].float().cpu().numpy()


@dataclass(slots=True)
class Window:
    """The part of the slots that a call reads and writes: set before each call, read by every layer.

    rows: the slots. held: tokens of the longest row before the call; end: after it. written: index of
    [slots, heads, tokens] where the new keys and values go; index arrays where each row has its own position.
    """

    rows: slice
    held: int
    end: int
    written: tuple[Any, slice, Any]


class SlotLayer(CacheLayerMixin):
    """One layer's keys and values, in memory that exists already."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, window: Window) -> None:
        """keys, values: [slots, heads, length, dim]."""
        super().__init__()
        self.keys, self.values, self.window = keys, values, window
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """The memory exists already."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        window = self.window
        for memory, states in ((self.keys, key_states), (self.values, value_states)):
            # Index arrays on both sides of a slice move the dimension of heads behind: [rows, tokens, heads, dim].
            by_row = torch.is_tensor(window.written[0])
            memory[window.written] = states.transpose(1, 2) if by_row else states
        return self.keys[window.rows, :, : window.end], self.values[window.rows, :, : window.end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.window.end, 0

    def get_seq_length(self) -> int:
        return self.window.held

    def get_max_length(self) -> int:
        return self.keys.shape[2]


class DeviceSlots(KVSlots):
    """Slots in torch tensors on any device and of any dtype. `clear` does nothing: the device keeps the memory."""

    def __init__(
        self,
        shapes: Sequence[tuple[int, int]],
        count: int,
        length: int,
        *,
        device: torch.device | str,
        dtype: torch.dtype,
    ) -> None:
        super().__init__(shapes, count, length, dtype.itemsize)
        self.buffers = [torch.zeros(count, heads, length, dim, device=device, dtype=dtype) for heads, dim in shapes]

    def read(self, slot: int, tokens: int) -> list[torch.Tensor]:
        return [buffer[slot, :, :tokens].clone() for buffer in self.buffers]

    def clear(self, slot: int) -> None:
        pass


@torch.inference_mode()
def cache_shapes(network: PreTrainedModel) -> list[tuple[int, int]]:
    """(heads, dim) of each layer's keys, then of its values. Raises ValueError for another kind of cache."""
    ids = torch.tensor([[0]], device=network.device)
    layers = network(input_ids=ids, use_cache=True).past_key_values.layers
    for layer in layers:
        if type(layer) is not DynamicLayer or not layer.is_initialized:
            raise ValueError(f"its cache has a {type(layer).__name__}")
    tensors = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
    return [(tensor.shape[1], tensor.shape[3]) for tensor in tensors]
