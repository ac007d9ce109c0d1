"""epoll, with a function for each file: what a worker's one thread waits for.

    poller = Poller()
    poller.watch(sock, READ, receive)       # from now on receive() is called when there is something to read
    poller.wait(0.5)                        # waits at most half a second, and calls all functions that are due

The standard library's `selectors` makes a tuple of an object for each event, and is slower than what is called here.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Protocol

__all__ = ["READ", "WRITE", "Poller"]

READ, WRITE = select.EPOLLIN, select.EPOLLOUT


class File(Protocol):
    def fileno(self) -> int: ...


class Poller:
    """Files that are waited for, each for one event."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.due: dict[int, Callable[[], None]] = {}  # by file number

    def watch(self, file: File | int, event: int, then: Callable[[], None]) -> None:
        """Call `then` whenever the event comes; in place of what was asked for this file before."""
        number = file if isinstance(file, int) else file.fileno()
        change = self.epoll.modify if number in self.due else self.epoll.register
        change(number, event)
        self.due[number] = then

    def forget(self, file: File) -> None:
        """Wait for nothing of this file, which is still open."""
        number = file.fileno()
        self.epoll.unregister(number)
        del self.due[number]

    def wait(self, seconds: float) -> None:
        """Wait at most so long for any event, and call what is due. A function may forget the files of others."""
        for number, _ in self.epoll.poll(seconds):
            then = self.due.get(number)
            if then is not None:
                then()
