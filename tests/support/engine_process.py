"""The engine process without the process, for tests of its host and of those who ask it."""

import socket
import threading
from contextlib import suppress

from service.models.engine.host import Host
from service.settings import Settings

__all__ = ["EngineProcess"]


class EngineProcess:
    """Stands for the engine process: a listening socket, and a Host for whoever connects."""

    def __init__(self, path, store, journals, **settings):
        path.unlink(missing_ok=True)
        self.host = Host(store, Settings(store=store.root, workers=1, engine_nice=0, **settings), journals)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.accepted = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            self.accepted.append(sock)
            self.host.serve(sock)

    def end(self):
        """As the end of the process looks to the workers."""
        with suppress(OSError):  # it has ended already
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.accepted:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the worker was first
        for engine in self.host.engines():
            engine.stop()
