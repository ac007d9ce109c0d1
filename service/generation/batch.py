"""The batch: which sequence is in which slot of the runner.

    row = batch.start(sequence)                   # the one row whose prompt is being prefilled
    batch.reuse_prefix(row)                       # what another row has of its prompt already is copied
    batch.join(row)                               # prefilled: from now on it decodes with the others
    batch.remove(row, keep_prefix=True)

The rows that decode have the slots 0..n-1, without a gap, because a step runs over the first n slots. The row that is
being prefilled has one slot after them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .prefix_cache import PrefixCache, common_prefix
from .runner import Slots
from .sequence import Sequence

__all__ = ["Batch", "Row"]

SHORTEST_PREFIX = 8  # tokens; to prefill fewer costs no more than to copy them


@dataclass(eq=False, slots=True)
class Row:
    """A sequence in a slot. Of its tokens, the first `held` have keys and values (KV) there."""

    sequence: Sequence
    slot: int
    held: int = 0

    def unread(self, limit: int | None = None) -> np.ndarray:
        """Its next ids without KV, at most `limit` of them."""
        return self.sequence.ids[self.held :][:limit]


class Batch:
    """For the engine's thread; others may read its length."""

    def __init__(self, slots: Slots, prefix_bytes: int) -> None:
        """prefix_bytes: for the KV of finished sequences."""
        self.slots = slots
        self.rows: list[Row] = []  # that decode; a row's index here is its slot
        self.joining: Row | None = None  # whose prompt is being prefilled
        self.prefixes = PrefixCache(prefix_bytes)
        self.reused_tokens = 0  # of prompts, whose KV was there already

    def __len__(self) -> int:
        return len(self.rows) + (self.joining is not None)

    def __iter__(self) -> Iterator[Row]:
        yield from self.rows
        if self.joining is not None:
            yield self.joining

    @property
    def free_slots(self) -> int:
        return self.slots.count - len(self)

    @property
    def reserved(self) -> int:
        """Tokens that all rows may come to hold."""
        return sum(row.sequence.reserved for row in self)

    def start(self, sequence: Sequence) -> Row:
        """Give a sequence the slot after the rows that decode; no other row may be joining."""
        self.joining = Row(sequence, len(self.rows))
        return self.joining

    def reuse_prefix(self, joining: Row) -> None:
        """Copy the KV of the longest prefix that a running row or the cache shares with the prompt."""
        if not self.slots.divisible:
            return
        prompt = joining.sequence.ids
        cached, stored = self.prefixes.find(prompt)
        running, neighbor = 0, None
        for row in self.rows:
            length = common_prefix(prompt, row.sequence.ids[: row.held])
            if length > running:
                running, neighbor = length, row
        usable = min(max(cached, running), len(prompt) - 1)  # the logits of the last token are needed
        if usable < SHORTEST_PREFIX:
            return
        if neighbor is not None and running >= cached:
            self.slots.copy(neighbor.slot, joining.slot, usable)
        else:
            self.slots.write(joining.slot, stored, usable)
        joining.held = usable
        self.reused_tokens += usable

    def join(self, joining: Row) -> None:
        """The prompt is prefilled: the row decodes with the others."""
        slot = len(self.rows)
        if joining.slot != slot:  # rows were removed while the prompt was prefilled
            self.slots.copy(joining.slot, slot, joining.held)
            self.slots.clear(joining.slot)
            joining.slot = slot
        self.rows.append(joining)
        self.joining = None

    def remove(self, row: Row, *, keep_prefix: bool) -> None:
        """Free a row's slot; the last row moves into it. keep_prefix: put its KV into the cache first."""
        if row is self.joining:
            self.joining = None
            self.slots.clear(row.slot)
            return
        if keep_prefix and self.slots.divisible and row.held >= SHORTEST_PREFIX:
            size = row.held * self.slots.bytes_per_token
            ids = row.sequence.ids[: row.held]
            self.prefixes.add(ids, size, lambda: self.slots.read(row.slot, row.held))
        last = self.rows.pop()
        freed = last.slot
        if last is not row:
            self.slots.copy(last.slot, row.slot, last.held)
            self.rows[row.slot] = last
            last.slot = row.slot
        self.slots.clear(freed)

    def clear(self) -> None:
        """Forget all rows."""
        self.rows.clear()
        self.joining = None
