"""Runs a torch network one row after the other, each with the network's own cache: windows, recurrent states.

    runner = SerialRunner(network, rows=16, length=8192)     # any transformers causal language model
    runner.extend(0, [504, 1418, 253], 0)    # the first three tokens of slot 0 -> logits [vocabulary]
    runner.step([655], [3])                  # one more token for slot 0, which holds 3 -> logits [1, vocabulary]

A step takes as long as its rows take one by one; TorchRunner batches them where the network allows it.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.cache_utils import Cache

__all__ = ["SerialRunner"]

TRIAL = [1, 0, 1, 1, 0, 0, 1, 0]
TOLERANCE = 1e-5  # of the largest logit
CACHES = ("past_key_values", "cache_params")  # what networks call their cache


class SerialRunner:
    """For one thread at a time."""

    def __init__(self, network: PreTrainedModel, *, rows: int, length: int) -> None:
        """rows: slots. length: tokens of each slot. Raises ValueError for a network without a cache of layers."""
        self.network = network
        taken = inspect.signature(network.forward).parameters
        self._argument = next((name for name in CACHES if name in taken), CACHES[0])
        _, cache = self._run([0], None)
        if not getattr(cache, "layers", None):
            raise ValueError(f"{type(network).__name__} keeps what it has read in a form that is not served")
        self.slots = CacheSlots(rows, length, cache)
        self._in_parts = not any(hasattr(layer, "recurrent_states") for layer in cache.layers) or self._reads_in_parts()

    def extend(self, slot: int, ids: Sequence[int] | np.ndarray, held: int) -> np.ndarray:
        """Prefill: read `ids` after the `held` tokens of a slot; float32 logits [vocabulary] of the next token."""
        # A cache grows layer by layer, by new tensors: a call that fails half way leaves the slot's cache as it was.
        past = shallow_copy(self.slots.caches[slot]) if held else None
        read = [int(token) for token in ids]
        for part in [read] if self._in_parts or past is None else [[token] for token in read]:
            logits, past = self._run(part, past)
        self.slots.caches[slot] = past
        return logits

    def _reads_in_parts(self) -> bool:
        """Whether several tokens may follow on a recurrent state: Mamba of transformers forgets the state's end then,
        and is right only where one token at a time follows.
        """
        whole, _ = self._run(TRIAL, None)
        _, state = self._run(TRIAL[: len(TRIAL) // 2], None)
        parts, _ = self._run(TRIAL[len(TRIAL) // 2 :], state)
        return bool(np.allclose(parts, whole, rtol=0, atol=TOLERANCE * np.abs(whole).max()))

    def step(self, ids: Sequence[int], held: Sequence[int]) -> np.ndarray:
        """Decode: one token for each slot 0..n-1, which hold `held` tokens; float32 logits [n, vocabulary]."""
        return np.stack([self.extend(slot, [token], held[slot]) for slot, token in enumerate(ids)])

    @torch.inference_mode()
    def _run(self, ids: list[int], cache: Cache | None) -> tuple[np.ndarray, Cache]:
        batch = torch.tensor([ids], device=self.network.device)
        output = self.network(input_ids=batch, **{self._argument: cache}, use_cache=True, logits_to_keep=1)
        return output.logits[0, -1].float().cpu().numpy(), output.get(self._argument)


class CacheSlots:
    """One cache of the network's own kind for each slot."""

    def __init__(self, count: int, length: int, example: Cache) -> None:
        """example: a cache that holds one token."""
        self.count, self.length = count, length
        self.caches: list[Any] = [None] * count
        tensors = [tensor for layer in example.layers for tensor in vars(layer).values() if torch.is_tensor(tensor)]
        self.bytes_per_token = max(1, sum(tensor.nbytes for tensor in tensors))
        # A window or a recurrent state is that of all tokens: it has no part for the first tokens alone.
        self.divisible = all(type(layer).__name__ == "DynamicLayer" for layer in example.layers)

    def copy(self, source: int, target: int, tokens: int) -> None:
        self.write(target, self.caches[source], tokens)

    def read(self, slot: int, tokens: int) -> Cache:
        return first_tokens(self.caches[slot], tokens)

    def write(self, slot: int, stored: Cache, tokens: int) -> None:
        self.caches[slot] = first_tokens(stored, tokens) if self.divisible else shallow_copy(stored)

    def clear(self, slot: int) -> None:
        self.caches[slot] = None


def shallow_copy(cache: Cache) -> Cache:
    """Another cache over the same keys and values, which layers replace and never change in place; of recurrent states,
    which they do change, it has copies.
    """
    other = copy.copy(cache)
    other.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in other.layers:
        states = {name: value for name, value in vars(layer).items() if isinstance(value, dict)}
        vars(layer).update({name: cloned(value) for name, value in states.items()})
    return other


def cloned(states: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value.clone() if torch.is_tensor(value) else value for key, value in states.items()}


def first_tokens(cache: Cache, tokens: int) -> Cache:
    """A cache of the first tokens of another, which is not changed."""
    other = shallow_copy(cache)
    surplus = cache.get_seq_length() - tokens
    if surplus:
        other.crop(-surplus)
    return other
