"""Bounded FIFO queue of sequences that wait for a slot.

queue = WaitingQueue(slots=16, max_waiting=64, max_tokens=65_536)
queue.add(sequence, running=16, seconds=3)      # raises Overloaded beyond the bounds
queue.next(lambda sequence: True)               # the sequence whose turn it is
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ..errors import Overloaded
from .sequence import Sequence

__all__ = ["WaitingQueue"]


class WaitingQueue:
    """Not thread-safe: the engine holds a lock."""

    def __init__(self, *, slots: int, max_waiting: int, max_tokens: int) -> None:
        """slots: sequences that can run at once. max_tokens: of all waiting prompts; a single prompt may be longer."""
        self._slots, self._max_waiting, self._max_tokens = slots, max_waiting, max_tokens
        self._waiting: deque[Sequence] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Sequence]:
        return iter(self._waiting)

    @property
    def tokens(self) -> int:
        """Prompt tokens of all waiting sequences."""
        return sum(sequence.prompt_tokens for sequence in self._waiting)

    def add(self, sequence: Sequence, *, running: int, seconds: int) -> None:
        """running: sequences that hold a slot. seconds: Retry-After of an Overloaded. Raises Overloaded."""
        too_many = running + len(self) >= self._slots + self._max_waiting
        too_long = self._waiting and self.tokens + sequence.prompt_tokens > self._max_tokens
        if too_many or too_long:
            raise Overloaded(
                f"{running} completions are running and {len(self)} wait, with {self.tokens} prompt tokens",
                retry_after=seconds,
            )
        self._waiting.append(sequence)

    def next(self, fits: Callable[[Sequence], bool]) -> Sequence | None:
        """The first that fits, which stays in the queue; None without one."""
        return next(filter(fits, self._waiting), None)

    def remove(self, sequence: Sequence) -> bool:
        """Take a sequence out of the queue. Returns whether it was in it."""
        if sequence not in self._waiting:
            return False
        self._waiting.remove(sequence)
        return True

    def clear(self) -> None:
        self._waiting.clear()
