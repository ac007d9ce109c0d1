"""Keys and values (KV) of finished sequences, for prompts that begin with the same tokens.

prefixes = PrefixCache(limit_bytes=2**28)
prefixes.add(ids, size, lambda: slots.read(0, len(ids)))
prefixes.find(prompt_ids)       # (how many leading tokens match, their KV), or (0, None)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["PrefixCache", "common_prefix"]


@dataclass(frozen=True)
class Entry:
    """ids: int array. stored: their KV, as Slots.read returned it. size: its bytes."""

    ids: np.ndarray
    stored: Any
    size: int


class PrefixCache:
    """At most `limit_bytes` of KV; the least recently used entry is evicted first."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()  # by the ids as bytes

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, ids: np.ndarray) -> tuple[int, Any]:
        """The longest cached prefix of `ids`: (its length, the KV it is part of). Counts as a use of the entry."""
        lengths = self._common_lengths(ids)
        best = max(lengths, key=lambda key: lengths[key], default=None)
        if best is None or lengths[best] == 0:
            return 0, None
        self._entries.move_to_end(best)
        return lengths[best], self._entries[best].stored

    def add(self, ids: np.ndarray, size: int, read: Callable[[], Any]) -> None:
        """Cache the KV of `ids`, of `size` bytes, which `read()` returns; it is not called if they need no entry."""
        if size > self.limit_bytes:
            return
        lengths = self._common_lengths(ids)
        if len(ids) in lengths.values():
            return  # an entry begins with all of them
        for key, length in lengths.items():
            if length == len(self._entries[key].ids):  # the new entry begins with all of this one
                self._evict(key)
        while self.bytes + size > self.limit_bytes:
            self._evict(next(iter(self._entries)))
        self._entries[ids.tobytes()] = Entry(ids.copy(), read(), size)
        self.bytes += size

    def _common_lengths(self, ids: np.ndarray) -> dict[bytes, int]:
        return {key: common_prefix(ids, entry.ids) for key, entry in self._entries.items()}

    def _evict(self, key: bytes) -> None:
        self.bytes -= self._entries.pop(key).size


def common_prefix(first: np.ndarray, second: np.ndarray) -> int:
    """How many leading ids are the same in two int arrays."""
    size = min(len(first), len(second))
    different = np.flatnonzero(first[:size] != second[:size])
    return int(different[0]) if len(different) else size
