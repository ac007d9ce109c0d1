"""Keys and values of texts that were finished, for prompts that begin with the same tokens.

prefixes = PrefixCache(limit_bytes=2**28)
prefixes.keep(ids, size, lambda: slots.read(0, len(ids)))
prefixes.find(prompt_ids)       # (how many tokens are shared, what was kept), or (0, None)
"""

from collections import OrderedDict

import numpy as np

__all__ = ["PrefixCache", "common_prefix"]


class PrefixCache:
    """At most `limit_bytes` of them; the ones unused for longest go first."""

    def __init__(self, limit_bytes):
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._kept = OrderedDict()  # ids as bytes -> (ids, keys and values, bytes)

    def __len__(self):
        return len(self._kept)

    def find(self, ids):
        """(tokens shared with the one that shares most, its keys and values); marks it as used."""
        lengths = {key: common_prefix(ids, kept_ids) for key, (kept_ids, _, _) in self._kept.items()}
        best = max(lengths, key=lengths.get, default=None)
        if best is None or lengths[best] == 0:
            return 0, None
        self._kept.move_to_end(best)
        return lengths[best], self._kept[best][1]

    def keep(self, ids, size, read):
        """ids: int array. size: bytes of their keys and values, which `read()` gives if they are worth keeping."""
        if size > self.limit_bytes:
            return
        lengths = {key: common_prefix(ids, kept_ids) for key, (kept_ids, _, _) in self._kept.items()}
        if len(ids) in lengths.values():
            return  # one that is kept begins with all of it
        for key, length in lengths.items():
            if length == len(self._kept[key][0]):  # the new one begins with all of this one
                self._drop(key)
        while self.bytes + size > self.limit_bytes:
            self._drop(next(iter(self._kept)))
        self._kept[ids.tobytes()] = (ids.copy(), read(), size)
        self.bytes += size

    def _drop(self, key):
        self.bytes -= self._kept.pop(key)[2]


def common_prefix(first, second):
    """How many leading ids are the same in two int arrays."""
    size = min(len(first), len(second))
    different = np.flatnonzero(first[:size] != second[:size])
    return int(different[0]) if len(different) else size
