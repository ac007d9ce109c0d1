"""Keys and values (KV) of every running sequence, in slots of memory that a graph or a network reads and extends.

slots = HostSlots(shapes=[(3, 64)] * 60, count=16, length=8192)
slots.buffers[0][2]          # float32 [heads, length, dim]: the first layer's keys of the sequence in slot 2
slots.copy(5, 2, tokens=40)  # the first 40 tokens of slot 5, over those of slot 2
"""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["HostSlots", "KVSlots", "bytes_per_token"]

FLOAT32 = np.dtype(np.float32)


def bytes_per_token(shapes: Sequence[tuple[int, int]], itemsize: int = FLOAT32.itemsize) -> int:
    """KV memory of one token of one sequence. shapes: (heads, dim) of each buffer."""
    return sum(heads * dim for heads, dim in shapes) * itemsize


class KVSlots(ABC):
    """Slots in buffers [count, heads, length, dim]: for each layer one for its keys, then one for its values.

    The buffers are numpy arrays or torch tensors. shapes: (heads, dim) of each. length: tokens that a slot can hold.
    """

    divisible = True
    buffers: list[Any]

    def __init__(self, shapes: Sequence[tuple[int, int]], count: int, length: int, itemsize: int) -> None:
        self.count, self.length = count, length
        self.bytes_per_token = bytes_per_token(shapes, itemsize)

    def copy(self, source: int, target: int, tokens: int) -> None:
        for buffer in self.buffers:
            buffer[target, :, :tokens] = buffer[source, :, :tokens]

    @abstractmethod
    def read(self, slot: int, tokens: int) -> list[Any]:
        """A copy of a slot's first tokens: one [heads, tokens, dim] for each buffer."""

    def write(self, slot: int, stored: list[Any], tokens: int) -> None:
        for buffer, part in zip(self.buffers, stored, strict=True):
            buffer[slot, :, :tokens] = part[:, :tokens]

    @abstractmethod
    def clear(self, slot: int) -> None: ...


class HostSlots(KVSlots):
    """Slots in float32 numpy arrays.

    A slot's length reserves addresses only: the system gives memory page by page as a sequence grows, and `clear`
    returns it.
    """

    def __init__(self, shapes: Sequence[tuple[int, int]], count: int, length: int) -> None:
        super().__init__(shapes, count, length, FLOAT32.itemsize)
        sizes = [FLOAT32.itemsize * count * heads * length * dim for heads, dim in shapes]
        # Private: madvise does not free the pages of a shared anonymous mapping.
        self._memory = [mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for size in sizes]
        self.buffers = [
            np.frombuffer(memory, FLOAT32).reshape(count, heads, length, dim)
            for memory, (heads, dim) in zip(self._memory, shapes, strict=True)
        ]

    def read(self, slot: int, tokens: int) -> list[np.ndarray]:
        return [buffer[slot, :, :tokens].copy() for buffer in self.buffers]

    def clear(self, slot: int) -> None:
        """Return a slot's memory to the system; it reads as zeros until it is written again."""
        for memory, buffer in zip(self._memory, self.buffers, strict=True):
            size = buffer[slot].nbytes
            first = -(-slot * size // mmap.PAGESIZE) * mmap.PAGESIZE
            last = (slot + 1) * size // mmap.PAGESIZE * mmap.PAGESIZE
            if last > first:  # only whole pages of this slot: its first and last may hold a neighbor's tokens too
                memory.madvise(mmap.MADV_DONTNEED, first, last - first)
