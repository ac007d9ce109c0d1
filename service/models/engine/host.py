"""What runs in the engine process: versions, each loaded once for all workers, and the connections of these.

host = Host(store, settings, journals)
host.serve(sock)                 # one worker's connection, until it closes
host.release_idle()              # call it about once a second
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from ...errors import StartupError, in_a_line
from ...generation.encoders.engine import EncoderEngine
from ...generation.engine import Engine
from ...generation.engine_load import EngineLoad
from ...settings import Settings
from ...store.versions import Store
from .. import load_engine
from ..memory import release_freed
from .host_connection import HostConnection
from .journal import Journals

__all__ = ["Host"]

log = logging.getLogger(__name__)

# A worker that is replaced by another one needs its versions again at once.
IDLE_SECONDS = 60.0


@dataclass
class Hosted:
    """A version. users: handles of workers that are open. idle_since: when the last of them went away."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | EncoderEngine | None = None
    users: int = 0
    idle_since: float = 0.0


class Host:
    def __init__(self, store: Store, settings: Settings, journals: Journals) -> None:
        self.store, self.settings, self.journals = store, settings, journals
        self._lock = threading.Lock()
        self._hosted: dict[tuple[str, str], Hosted] = {}
        self._connections: set[HostConnection] = set()

    def serve(self, sock: socket.socket) -> None:
        """Answer one worker, in threads of this connection, until either side closes.

        Raises RuntimeError where the system has no thread to give; the connection is closed.
        """
        connection = HostConnection(self, sock)
        with self._lock:
            self._connections.add(connection)
        try:
            connection.start()
        except RuntimeError:
            sock.shutdown(socket.SHUT_RDWR)  # a thread that was started ends by it
            self.ended(connection)
            raise

    def ended(self, connection: HostConnection) -> None:
        with self._lock:
            self._connections.discard(connection)

    @property
    def connected(self) -> bool:
        """Whether any worker is."""
        return bool(self._connections)

    def engines(self) -> list[Engine | EncoderEngine]:
        return [hosted.engine for hosted in list(self._hosted.values()) if hosted.engine is not None]

    def loads(self) -> list[tuple[str, Engine | EncoderEngine, EngineLoad]]:
        """(model, engine, how much work it has) of each version."""
        hosted = [(model, each.engine) for (model, _), each in list(self._hosted.items())]
        return [(model, engine, engine.load()) for model, engine in hosted if engine is not None]

    def open(self, model: str, version: str) -> Engine | EncoderEngine:
        """A version's engine, loaded unless it is; `close` it as often. Raises StartupError."""
        with self._lock:
            hosted = self._hosted.setdefault((model, version), Hosted())
            hosted.users += 1
        try:
            with hosted.loading:  # of all who ask for it, one loads it
                if hosted.engine is None:
                    hosted.engine = self._load(model, version)
                return hosted.engine
        except BaseException:
            self.close(model, version, at_once=True)
            raise

    def _load(self, model: str, version: str) -> Engine | EncoderEngine:
        stored = self.store.open(model, version)
        try:
            stored.verify()
            engine = load_engine(stored, self.settings, self.journals.of)
        except StartupError:
            raise
        except Exception as error:  # the parsers of configs and weights raise all kinds of exceptions
            raise StartupError(f"{stored} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error
        release_freed()
        stand_back(self.settings.engine_nice)
        log.info("the engine has loaded %s", stored)
        return engine

    def close(self, model: str, version: str, *, at_once: bool) -> None:
        """One handle less. at_once: whether the version goes with its last handle, or is kept for a new worker."""
        with self._lock:
            hosted = self._hosted[model, version]
            hosted.users -= 1
            hosted.idle_since = monotonic() - (IDLE_SECONDS if at_once else 0)
        if at_once:
            self.release_idle()

    def release_idle(self) -> None:
        """Free the versions that nobody has used for a while."""
        with self._lock:
            idle = [
                key
                for key, hosted in self._hosted.items()
                if not hosted.users and monotonic() - hosted.idle_since >= IDLE_SECONDS
            ]
            released = [self._hosted.pop(key) for key in idle]
        for hosted in released:
            if hosted.engine is not None:
                hosted.engine.stop()
                hosted.engine = None
        if released:
            release_freed()


def stand_back(nice: int) -> None:
    """Lower the priority of all threads of this process, the libraries' own too; those that they start inherit it.

    nice: so far below gunicorn's master, and so below the workers. Not before the first version is loaded: until then,
    nobody can be answered.
    """
    master = os.getpriority(os.PRIO_PROCESS, os.getppid())
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, int(thread), master + nice)
