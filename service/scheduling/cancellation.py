"""Cancel a running request by its id, whichever worker of the server it runs in.

    cancellations = Cancellations(run_folder)
    with cancellations.listed("my-id", "key's name", request.cancel): ...
    cancellations.cancel("my-id", "key's name")     # True: it was running, and ends within a step of the engine

Each worker that generates text has a datagram socket in the folder that the workers share, and a thread that listens
to it. Only the API key that sent a request may cancel it: the key's name has to be the same.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Cancellations"]

NAME = "cancel-{}.sock"
PATIENCE = 1.0  # seconds that another worker has to answer whether the request runs there
LONGEST = 1024  # bytes of a message


class Cancellations:
    """The running requests of one worker. folder: the run folder, "" where there is one process only."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder) if folder else None
        self._running: dict[tuple[str, str], list[Callable[[], object]]] = {}  # (id, key) -> functions that cancel
        self._lock = threading.Lock()
        self._listens = False

    @contextmanager
    def listed(self, request_id: str, key: str, cancel: Callable[[], object]) -> Iterator[None]:
        """While this lasts, the request can be cancelled: `cancel` is called, from any thread."""
        with self._lock:
            self._running.setdefault((request_id, key), []).append(cancel)
            if self.folder and not self._listens:
                self._listen(self.folder)
        try:
            yield
        finally:
            with self._lock:
                functions = self._running[request_id, key]
                functions.remove(cancel)
                if not functions:
                    del self._running[request_id, key]

    def cancel(self, request_id: str, key: str) -> bool:
        """Ask the request to end. Returns whether it was running, in any worker."""
        if self._cancel_here(request_id, key):
            return True
        return any(self._cancel_there(path, request_id, key) for path in self._other_workers())

    def _cancel_here(self, request_id: str, key: str) -> bool:
        with self._lock:
            functions = list(self._running.get((request_id, key), ()))
        for cancel in functions:
            cancel()
        return bool(functions)

    def _other_workers(self) -> list[Path]:
        """The sockets of the server's other workers."""
        own = NAME.format(os.getpid())
        return [path for path in self.folder.glob(NAME.format("*")) if path.name != own] if self.folder else []

    def _cancel_there(self, path: Path, request_id: str, key: str) -> bool:
        """Ask the worker that listens at `path`; a socket whose worker has ended is removed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind("")  # an address without a file (Linux's abstract namespace), for the answer
            client.settimeout(PATIENCE)
            with suppress(OSError, TimeoutError):
                client.sendto(json.dumps([request_id, key]).encode(), str(path))
                return client.recv(1) == b"1"
        with suppress(ProcessLookupError, OSError):
            os.kill(int(path.stem.rpartition("-")[2]), 0)
            return False  # the worker is alive and did not answer in time
        path.unlink(missing_ok=True)
        return False

    def _listen(self, folder: Path) -> None:
        path = folder / NAME.format(os.getpid())
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(path))
        threading.Thread(target=self._serve, args=[listener], name="daylight-cancel", daemon=True).start()
        self._listens = True

    def _serve(self, listener: socket.socket) -> None:
        while True:
            message, sender = listener.recvfrom(LONGEST)
            with suppress(OSError, ValueError):  # the sender has not waited for the answer
                listener.sendto(b"1" if self._cancel_here(*json.loads(message)) else b"0", sender)
