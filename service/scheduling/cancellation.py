"""End a request by its id, whichever worker of the server it runs in.

    cancels = Cancels(run_folder)
    with cancels.listed("my-id", "key's name", texts.cancel): ...
    cancels.cancel("my-id", "key's name")           # True: it was found, and ends within a step of the engine

Each worker that writes texts has a datagram socket in the folder that the workers share, and a thread that
listens to it. A request may be ended by whoever could send it: the name of the API key has to be the same.
"""

import json
import os
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["Cancels"]

NAME = "cancel-{}.sock"
PATIENCE = 1.0  # seconds that another worker has for saying whether it had the request
LONGEST = 1024  # bytes of a message


class Cancels:
    """One worker's. folder: "" where there is one process only."""

    def __init__(self, folder):
        self.folder = Path(folder) if folder else None
        self._running = {}  # (id, key) -> functions that end it
        self._lock = threading.Lock()
        self._listens = False

    @contextmanager
    def listed(self, request_id, key, end):
        """While this lasts, the request can be ended by `end()`."""
        with self._lock:
            self._running.setdefault((request_id, key), []).append(end)
            if self.folder and not self._listens:
                self._listen()
        try:
            yield
        finally:
            with self._lock:
                ends = self._running[request_id, key]
                ends.remove(end)
                if not ends:
                    del self._running[request_id, key]

    def cancel(self, request_id, key):
        """Whether it was running somewhere; it is asked to end."""
        return self._cancel_here(request_id, key) or any(self._ask(path, request_id, key) for path in self._others())

    def _cancel_here(self, request_id, key):
        with self._lock:
            ends = list(self._running.get((request_id, key), ()))
        for end in ends:
            end()
        return bool(ends)

    def _others(self):
        own = NAME.format(os.getpid())
        return [path for path in self.folder.glob(NAME.format("*")) if path.name != own] if self.folder else []

    def _ask(self, path, request_id, key):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.bind("")  # a name of its own that no file has, to be answered at
            asking.settimeout(PATIENCE)
            with suppress(OSError, TimeoutError):
                asking.sendto(json.dumps([request_id, key]).encode(), str(path))
                return asking.recv(1) == b"1"
        with suppress(ProcessLookupError, OSError):
            os.kill(int(path.stem.rpartition("-")[2]), 0)
            return False
        path.unlink(missing_ok=True)  # its worker is gone
        return False

    def _listen(self):
        path = self.folder / NAME.format(os.getpid())
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(str(path))
        threading.Thread(target=self._hear, args=[listening], name="daylight-cancel", daemon=True).start()
        self._listens = True

    def _hear(self, listening):
        while True:
            message, asker = listening.recvfrom(LONGEST)
            with suppress(OSError, ValueError):  # whoever asked has not waited
                listening.sendto(b"1" if self._cancel_here(*json.loads(message)) else b"0", asker)
