"""What the engine asks of a runner: the model's forward pass over slots that hold keys and values.

    runner.extend(0, [504, 1418, 253], 0)    # prefill: three tokens into the empty slot 0 -> logits [vocabulary]
    runner.step([655], [3])                  # decode: one more token for slot 0, which holds 3 -> [1, vocabulary]

Implementations: OnnxRunner, TorchRunner and SerialRunner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Runner", "Slots"]


class Slots(Protocol):
    """Memory for the keys and values (KV) of `count` sequences, of at most `length` tokens each.

    divisible: whether the KV of a sequence's first tokens serve any other sequence that begins with these tokens.
    """

    count: int
    length: int
    bytes_per_token: int
    divisible: bool

    def copy(self, source: int, target: int, tokens: int) -> None:
        """Copy the KV of the first tokens from one slot to another."""

    def read(self, slot: int, tokens: int) -> Any:
        """A copy of the KV of a slot's first tokens, for `write`."""

    def write(self, slot: int, stored: Any, tokens: int) -> None:
        """Write the first tokens of what `read` returned into a slot."""

    def clear(self, slot: int) -> None:
        """Free a slot's memory where that is possible."""


class Runner(Protocol):
    """For one thread at a time. Both calls raise what the model's library raises."""

    @property
    def slots(self) -> Slots: ...

    def extend(self, slot: int, ids: Sequence[int] | np.ndarray, held: int) -> np.ndarray:
        """Prefill: read `ids` after the `held` tokens of a slot; float32 logits [vocabulary] of the next token."""
        ...

    def step(self, ids: Sequence[int], held: Sequence[int]) -> np.ndarray:
        """Decode: one token for each slot 0..n-1, which hold `held` tokens; float32 logits [n, vocabulary]."""
        ...
