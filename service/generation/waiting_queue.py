"""Who waits to be written: first come, first served, within bounds.

line = WaitingQueue(slots=16, max_waiting=64, max_tokens=65_536)
line.add(sequence, running=16, seconds=3)      # raises Overloaded where too much waits already
line.first, line.pop()                         # the sequence whose turn it is
"""

from collections import deque

from ..errors import Overloaded

__all__ = ["WaitingQueue"]


class WaitingQueue:
    """Sequences that wait. For one thread at a time: its owner holds a lock."""

    def __init__(self, *, slots, max_waiting, max_tokens):
        """slots: rows written at once. max_tokens: of the prompts that wait, where there is more than one."""
        self._slots, self._max_waiting, self._max_tokens = slots, max_waiting, max_tokens
        self._waiting = deque()

    def __len__(self):
        return len(self._waiting)

    def __iter__(self):
        return iter(self._waiting)

    @property
    def first(self):
        return self._waiting[0]

    @property
    def tokens(self):
        """Of all prompts that wait."""
        return sum(one.prompt_tokens for one in self._waiting)

    def add(self, sequence, *, running, seconds):
        """running: rows that are being written; seconds: what an Overloaded tells to wait."""
        too_many = running + len(self) >= self._slots + self._max_waiting
        too_long = self._waiting and self.tokens + sequence.prompt_tokens > self._max_tokens
        if too_many or too_long:
            raise Overloaded(
                f"{running} texts are being written and {len(self)} wait, with {self.tokens} prompt tokens",
                retry_after=seconds,
            )
        self._waiting.append(sequence)

    def pop(self):
        return self._waiting.popleft()

    def remove(self, sequence):
        """Take one out of the line; False if it is not in it."""
        if sequence not in self._waiting:
            return False
        self._waiting.remove(sequence)
        return True

    def clear(self):
        self._waiting.clear()
