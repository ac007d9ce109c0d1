"""Keys and values of every row being written, in slots of memory that a graph reads and grows in place.

slots = Slots(shapes=[(3, 64)] * 60, count=16, length=8192)
slots.buffers[0][2]          # float32 [heads, length, dim]: the first layer's keys of the row in slot 2
slots.copy(5, 2, tokens=40)  # the first 40 tokens of slot 5, over those of slot 2

A slot is as long as the longest row may get, in addresses only: memory is taken page by page as
rows grow, and handed back by `clear`.
"""

import mmap

import numpy as np

__all__ = ["Slots"]

ITEM = np.dtype(np.float32)


class Slots:
    """One buffer [count, heads, length, dim] for each layer's keys, one for its values; all float32."""

    divisible = True  # the beginning of a row is good for any text that begins so

    def __init__(self, shapes, count, length):
        """shapes: (heads, dim) of each buffer. length: tokens a slot can hold."""
        self.count, self.length = count, length
        self.bytes_per_token = self.token_bytes(shapes)
        sizes = [ITEM.itemsize * count * heads * length * dim for heads, dim in shapes]
        # Private: pages of shared memory would stay, whatever madvise is told.
        self._held = [mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for size in sizes]
        self.buffers = [
            np.frombuffer(memory, ITEM).reshape(count, heads, length, dim)
            for memory, (heads, dim) in zip(self._held, shapes, strict=True)
        ]

    @staticmethod
    def token_bytes(shapes):
        """What one token of one row takes."""
        return sum(heads * dim for heads, dim in shapes) * ITEM.itemsize

    def copy(self, source, target, tokens):
        for buffer in self.buffers:
            buffer[target, :, :tokens] = buffer[source, :, :tokens]

    def read(self, slot, tokens):
        """A copy of a row's first tokens: a list of [heads, tokens, dim]."""
        return [buffer[slot, :, :tokens].copy() for buffer in self.buffers]

    def write(self, slot, kept, tokens):
        """The first tokens of what `read` gave, into a slot."""
        for buffer, part in zip(self.buffers, kept, strict=True):
            buffer[slot, :, :tokens] = part[:, :tokens]

    def clear(self, slot):
        """Hand a slot's memory back to the system; it reads as zeros until it is written again."""
        for memory, buffer in zip(self._held, self.buffers, strict=True):
            size = buffer[slot].nbytes
            first = -(-slot * size // mmap.PAGESIZE) * mmap.PAGESIZE
            last = (slot + 1) * size // mmap.PAGESIZE * mmap.PAGESIZE
            if last > first:  # only pages that are this slot's alone
                memory.madvise(mmap.MADV_DONTNEED, first, last - first)
