"""Runs a torch network, all rows at once: for models that have no graph, where ONNX Runtime cannot run it, on a GPU.

runner = TorchRunner(network, rows=16, length=8192)    # a transformers causal language model
runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

The network is given a cache whose layers write into slots of memory, a position for each row, and a mask in
which each row sees its own tokens: nothing is padded on the left, nothing is copied when a row joins or leaves.
"""

import numpy as np
import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from .kv_cache import Slots

__all__ = ["TorchRunner"]


class TorchRunner:
    """The same two calls as a OnnxRunner's. For one thread at a time."""

    def __init__(self, network, *, rows, length, kv_bytes=2**30):
        """rows: how many may be written at once; length: tokens of each, at most, and fewer where kv_bytes
        do not suffice for so many.

        Raises ValueError for a network whose cache is of another kind than all keys and values of all tokens.
        """
        self.network, self.device, self.dtype = network, network.device, network.dtype
        shapes = shapes_of_cache(network)
        room = kv_bytes // (Slots.token_bytes(shapes) * network.dtype.itemsize // 4)
        if self.device.type == "cpu" and self.dtype == torch.float32:
            self.slots = Slots(shapes, rows, min(length, room))
            buffers = [torch.from_numpy(buffer) for buffer in self.slots.buffers]
        else:
            # A device has no pages to give out one by one: the memory is taken at once, in equal parts.
            self.slots = DeviceSlots(shapes, rows, min(length, room // rows), device=self.device, dtype=self.dtype)
            buffers = self.slots.buffers
        self._view = View()
        pairs = zip(buffers[::2], buffers[1::2], strict=True)
        self._cache = Cache(layers=[SlotLayer(keys, values, self._view) for keys, values in pairs])

    def extend(self, slot, ids, held):
        """Read `ids` after the `held` tokens of a slot: float32 logits [vocabulary] of what comes next."""
        end = held + len(ids)
        self._view.rows, self._view.held, self._view.seen = slice(slot, slot + 1), held, end
        self._view.places = (slice(slot, slot + 1), slice(None), slice(held, end))
        positions = torch.arange(held, end, device=self.device)[None]
        # Where nothing precedes them, or but one is read, the network makes the mask itself, or needs none.
        seen = positions[0, :, None] >= torch.arange(end, device=self.device)
        mask = None if held == 0 or len(ids) == 1 else self._additive(seen)[None, None]
        return self._run(torch.as_tensor(np.array(ids, np.int64)[None]), positions, mask)[0]

    def step(self, ids, held):
        """One token for each of the slots 0..n-1, which hold so many: logits [n, vocabulary]."""
        longest = max(held)
        at = torch.tensor(held, device=self.device)
        self._view.rows, self._view.held, self._view.seen = slice(0, len(ids)), longest, longest + 1
        self._view.places = (torch.arange(len(ids), device=self.device)[:, None], slice(None), at[:, None])
        seen = torch.arange(longest + 1, device=self.device) <= at[:, None]
        mask = None if min(held) == longest else self._additive(seen)[:, None, None]
        return self._run(torch.tensor(ids)[:, None], at[:, None], mask)

    def _additive(self, seen):
        """What every kind of attention takes: 0 where a token is seen, the lowest number where it is not."""
        lowest = torch.finfo(self.dtype).min
        return torch.zeros(seen.shape, dtype=self.dtype, device=self.device).masked_fill_(~seen, lowest)

    @torch.inference_mode()
    def _run(self, ids, positions, mask):
        out = self.network(
            input_ids=ids.to(self.device),
            position_ids=positions,
            attention_mask=mask,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return out.logits[:, -1].float().cpu().numpy()


class View:
    """Which rows run, and where: set before each call, read by every layer.

    rows: the slots, a slice. places: an index of [slots, heads, tokens] for what is written.
    held: tokens of the longest row before the call; seen: after it.
    """


class SlotLayer(CacheLayerMixin):
    """One layer's keys and values, in memory that is there already."""

    def __init__(self, keys, values, view):
        """keys, values: [slots, heads, length, dim]."""
        super().__init__()
        self.keys, self.values, self.view = keys, values, view
        self.is_initialized = True

    def lazy_initialization(self, key_states, value_states):
        """There is nothing left to do."""

    def update(self, key_states, value_states, *args, **kwargs):
        view = self.view
        for memory, states in ((self.keys, key_states), (self.values, value_states)):
            # Two index arrays around a slice put the dimension of heads last but one, as [rows, tokens, heads, dim].
            several = torch.is_tensor(view.places[0])
            memory[view.places] = states.transpose(1, 2) if several else states
        return self.keys[view.rows, :, : view.seen], self.values[view.rows, :, : view.seen]

    def get_mask_sizes(self, query_length):
        return self.view.seen, 0

    def get_seq_length(self):
        return self.view.held

    def get_max_length(self):
        return self.keys.shape[2]


class DeviceSlots:
    """What Slots are, in torch tensors on any device and of any dtype."""

    divisible = True

    def __init__(self, shapes, count, length, *, device, dtype):
        self.count, self.length = count, length
        self.bytes_per_token = sum(heads * dim for heads, dim in shapes) * dtype.itemsize
        made = {"device": device, "dtype": dtype}
        self.buffers = [torch.zeros(count, heads, length, dim, **made) for heads, dim in shapes]

    def copy(self, source, target, tokens):
        for buffer in self.buffers:
            buffer[target, :, :tokens] = buffer[source, :, :tokens]

    def read(self, slot, tokens):
        return [buffer[slot, :, :tokens].clone() for buffer in self.buffers]

    def write(self, slot, kept, tokens):
        for buffer, part in zip(self.buffers, kept, strict=True):
            buffer[slot, :, :tokens] = part[:, :tokens]

    def clear(self, slot):
        """Nothing: it is overwritten by whoever comes next, and the device keeps the memory."""


@torch.inference_mode()
def shapes_of_cache(network):
    """(heads, dim) of every layer's keys and values, by turns. Raises ValueError for a cache of another kind."""
    given = torch.tensor([[0]], device=network.device)
    layers = network(input_ids=given, use_cache=True).past_key_values.layers
    for layer in layers:
        if type(layer) is not DynamicLayer or not layer.is_initialized:
            raise ValueError(f"its cache has a {type(layer).__name__}")
    tensors = [tensor for layer in layers for tensor in (layer.keys, layer.values)]
    return [(tensor.shape[1], tensor.shape[3]) for tensor in tensors]
