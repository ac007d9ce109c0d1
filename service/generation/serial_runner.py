"""Runs a torch network row after row, each with a cache of the network's own kind: windows, recurrent states.

runner = SerialRunner(network, rows=16, length=8192)     # any transformers causal language model
runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

Many rows are no quicker than one; network.py writes them together where the network lets it.
"""

import copy

import numpy as np
import torch

__all__ = ["SerialRunner"]


class SerialRunner:
    """The same two calls as a OnnxRunner's, over caches instead of slots of memory. For one thread at a time."""

    def __init__(self, network, *, rows, length):
        """rows: how many may be written at once; length: tokens of each, at most."""
        self.network = network
        _, cache = self._run([0], None)
        self.slots = CacheSlots(rows, length, cache)

    def extend(self, slot, ids, held):
        """Read `ids` after the `held` tokens of a slot: float32 logits [vocabulary] of what comes next."""
        # A cache grows layer by layer, and by new tensors: one left half grown by a failure is thrown away.
        past = copied(self.slots.caches[slot]) if held else None
        logits, cache = self._run([int(one) for one in ids], past)
        self.slots.caches[slot] = cache
        return logits

    def step(self, ids, held):
        """One token for each of the slots 0..n-1, which hold so many: logits [n, vocabulary]."""
        return np.stack([self.extend(slot, [one], held[slot]) for slot, one in enumerate(ids)])

    @torch.inference_mode()
    def _run(self, ids, cache):
        given = torch.tensor([ids], device=self.network.device)
        out = self.network(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return out.logits[0, -1].float().cpu().numpy(), out.past_key_values


class CacheSlots:
    """A cache for each row that is being written."""

    def __init__(self, count, length, example):
        """example: a cache that holds one token."""
        self.count, self.length = count, length
        self.caches = [None] * count
        tensors = [tensor for layer in example.layers for tensor in vars(layer).values() if torch.is_tensor(tensor)]
        self.bytes_per_token = max(1, sum(tensor.nbytes for tensor in tensors))
        # Windows and recurrent states have no beginning that could be taken over by another text.
        self.divisible = all(type(layer).__name__ == "DynamicLayer" for layer in example.layers)

    def copy(self, source, target, tokens):
        self.write(target, self.caches[source], tokens)

    def read(self, slot, tokens):
        return cut(self.caches[slot], tokens)

    def write(self, slot, kept, tokens):
        self.caches[slot] = cut(kept, tokens)

    def clear(self, slot):
        self.caches[slot] = None


def copied(cache):
    """Another cache over the same tensors, which no layer changes in place."""
    other = copy.copy(cache)
    other.layers = [copy.copy(layer) for layer in cache.layers]
    return other


def cut(cache, tokens):
    """The first tokens of a cache, the cache itself left as it is."""
    other = copied(cache)
    superfluous = cache.get_seq_length() - tokens
    if superfluous:
        other.crop(-superfluous)
    return other
