"""Accepting connections: every worker sees a new one, and the worker with the fewest accepts it first.

acceptor = Acceptor(sockets, poller, patient=True, most=1000, count=..., begin=..., make_room=...)
acceptor.listen(True)
if acceptor.at and monotonic() >= acceptor.at: acceptor.accept()
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from .poller import READ, Poller

__all__ = ["Acceptor"]

PATIENCE = 0.001  # seconds before accepting, for each connection that this worker has, ...
MOST_PATIENCE = 0.020  # ... up to this many
CROWDED = 0.1  # seconds before accepting is tried again, where there was no room for one more connection
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """The listeners of a worker.

    at: when to accept from a readable listener; 0: none is readable. patient: whether other workers may be quicker.
    most: connections that the worker may have; count() is how many it has. begin(sock, address, listener) makes a new
    one, make_room() says whether an idle one was closed for it.
    """

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        poller: Poller,
        *,
        patient: bool,
        count: Callable[[], int],
        begin: Callable[[socket.socket, Any, socket.socket], None],
        most: int,
        make_room: Callable[[], bool],
    ) -> None:
        self.listeners, self.poller, self.patient = listeners, poller, patient
        self.count, self.begin, self.most, self.make_room = count, begin, most, make_room
        self.listening = False
        self.at = 0.0
        for listener in listeners:
            listener.setblocking(False)

    def listen(self, listening: bool) -> None:
        if listening != self.listening:
            for listener in self.listeners:
                if listening:
                    self.poller.watch(listener, READ, self.incoming)
                else:
                    self.poller.forget(listener)
            self.listening = listening

    def close(self) -> None:
        """Accept nothing any more."""
        self.listen(False)
        self.at = 0.0
        for listener in self.listeners:
            listener.close()

    def incoming(self) -> None:
        count = self.count()
        if count and self.patient:
            self.at = monotonic() + min(count * PATIENCE, MOST_PATIENCE)
            self.listen(False)
        else:
            self.accept()

    def accept(self) -> None:
        """Accept one connection of each listener that has any."""
        self.at = 0.0
        room = self.count() < self.most or self.make_room()
        for listener in self.listeners if room else ():
            try:
                sock, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                continue
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                room = self.make_room()
                continue
            self.begin(sock, address, listener)
        self.at = 0.0 if room else monotonic() + CROWDED
        self.listen(room)
