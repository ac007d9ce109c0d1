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
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import monotonic
from typing import Any

import numpy as np

from ...errors import ServiceError, StartupError, in_a_line
from ...generation.engine import Engine
from ...generation.sequence import Sequence
from ...settings import Settings
from ...store.versions import Store
from ..memory import release_freed
from ..text_runner import load_engine
from .journal import Journals
from .protocol import PROTOCOL, ProtocolError, error_value, frames, params_from, send

__all__ = ["Host"]

log = logging.getLogger(__name__)

# A worker that is replaced by another one needs its versions again at once.
IDLE_SECONDS = 60.0
MOST_UNSENT = 100_000  # items that a worker leaves unread before it is given up
CLOSED = object()


@dataclass
class Hosted:
    """A version. users: handles of workers that are open. idle_since: when the last of them went away."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None
    users: int = 0
    idle_since: float = 0.0


class Host:
    def __init__(self, store: Store, settings: Settings, journals: Journals) -> None:
        self.store, self.settings, self.journals = store, settings, journals
        self._lock = threading.Lock()
        self._hosted: dict[tuple[str, str], Hosted] = {}
        self._connections: set[HostConnection] = set()

    def serve(self, sock: socket.socket) -> None:
        """Answer one worker, in threads of this connection, until either side closes."""
        connection = HostConnection(self, sock)
        with self._lock:
            self._connections.add(connection)
        connection.start()

    def ended(self, connection: HostConnection) -> None:
        with self._lock:
            self._connections.discard(connection)

    @property
    def connected(self) -> bool:
        """Whether any worker is."""
        return bool(self._connections)

    def engines(self) -> list[Engine]:
        return [hosted.engine for hosted in list(self._hosted.values()) if hosted.engine is not None]

    def open(self, model: str, version: str) -> Engine:
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

    def _load(self, model: str, version: str) -> Engine:
        stored = self.store.open(model, version)
        try:
            stored.verify()
            engine = load_engine(stored, self.settings, self.journals.of(self.settings.slots))
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


class HostConnection:
    """One worker's connection: a thread reads what it asks, another one writes what it is told."""

    def __init__(self, host: Host, sock: socket.socket) -> None:
        self.host, self.sock = host, sock
        self._handles: dict[int, tuple[str, str]] = {}  # (model, version)
        self._engines: dict[int, Engine] = {}
        self._running: dict[int, Sequence] = {}
        self._outbox: SimpleQueue = SimpleQueue()  # of messages, of (id, token or END or exception), of CLOSED
        self._lock = threading.Lock()  # over _handles, and whether it is closed
        self._closed = False

    def start(self) -> None:
        for work in (self._read, self._write):
            threading.Thread(target=work, name="daylight-connection", daemon=True).start()

    # --- what the worker asks

    def _read(self) -> None:
        try:
            for number, (message, attached) in enumerate(frames(self.sock)):
                if number == 0:
                    if message.get("protocol") != PROTOCOL:
                        raise ProtocolError(f"a worker speaks {message}, this engine protocol {PROTOCOL}")
                elif message["do"] in ("open", "generate"):
                    self._begin(message, attached)
                else:
                    getattr(self, f"_{message['do']}")(message)
        except (OSError, ProtocolError, LookupError, AttributeError) as error:
            log.error("the connection of a worker is closed: %s: %s", type(error).__name__, error)
        finally:
            self._close_all()

    def _begin(self, message: dict[str, Any], attached: bytes) -> None:
        """To load a version takes seconds, to compile a grammar up to one: others do not wait for it."""
        work = self._open if message["do"] == "open" else self._generate
        if message["do"] == "generate" and message["grammar"] is None:
            work(message, attached)
        else:
            threading.Thread(target=work, args=(message, attached), name="daylight-begin", daemon=True).start()

    def _open(self, message: dict[str, Any], _: bytes) -> None:
        handle, model, version = message["handle"], message["model"], message["version"]
        try:
            engine = self.host.open(model, version)
        except Exception as error:
            self._outbox.put({"say": "refused", "handle": handle, "error": error_value(error)})
            return
        engine.proven = engine.proven or message["proven"]
        with self._lock:
            if not self._closed:
                self._handles[handle], self._engines[handle] = (model, version), engine
                self._outbox.put(
                    {"say": "opened", "handle": handle, "capacity": engine.capacity, "proven": engine.proven}
                )
                return
        self.host.close(model, version, at_once=False)

    def _proven(self, message: dict[str, Any]) -> None:
        self._engines[message["handle"]].proven = True

    def _close(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._engines.pop(message["handle"], None)
            key = self._handles.pop(message["handle"], None)
        if key is not None:
            self.host.close(*key, at_once=True)

    def _generate(self, message: dict[str, Any], attached: bytes) -> None:
        number = message["id"]
        try:
            engine = self._engines[message["handle"]]
            prompt_ids = np.frombuffer(attached, np.int32).tolist()
            params = params_from(message["params"])
            sequence = engine.generate(prompt_ids, params, message["eos_ids"], message["grammar"])
            sequence.send_to(self._outbox, number)
            self._running[number] = sequence
            sequence.start()
            self._outbox.put({"say": "started", "id": number})  # after it: a refusal is the other answer
        except Exception as error:
            self._running.pop(number, None)
            if not isinstance(error, ServiceError):
                log.exception("a sequence could not be started")
            self._outbox.put({"say": "refused", "id": number, "error": error_value(error)})

    def _cancel(self, message: dict[str, Any]) -> None:
        sequence = self._running.get(message["id"])
        if sequence is not None:
            sequence.close()

    def _close_all(self) -> None:
        """The worker has gone: its sequences leave the engine within a step."""
        with self._lock:
            self._closed = True
            handles = list(self._handles.values())
            self._handles.clear()
            self._engines.clear()
        for sequence in list(self._running.values()):
            sequence.close()
        for key in handles:
            self.host.close(*key, at_once=False)
        self._outbox.put(CLOSED)
        self.host.ended(self)

    # --- what the worker is told

    def _write(self) -> None:
        """What waits for its sending goes at once: the tokens that all sequences get in a step are one frame."""
        try:
            while (waiting := self._waiting()) is not None:
                for message in self._messages(waiting):
                    send(self.sock, message)
        except OSError:
            pass
        finally:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)  # the reader ends what is left
            self.sock.close()

    def _waiting(self) -> list[Any] | None:
        """What is to be sent, once there is anything; None when the connection is closed, or not read any more."""
        waiting = [self._outbox.get()]
        waiting += [self._outbox.get() for _ in range(self._outbox.qsize())]
        return None if CLOSED in waiting or len(waiting) > MOST_UNSENT else waiting

    def _messages(self, waiting: list[Any]) -> Iterator[dict[str, Any]]:
        items: list[tuple] = []
        for each in waiting:
            if isinstance(each, dict):
                if items:
                    yield {"say": "progress", "items": items}
                    items = []
                yield each
            else:
                items.append(self._item(*each))
        if items:
            yield {"say": "progress", "items": items}

    def _item(self, number: int, token: int | Exception | None) -> tuple[int, int | None, Any]:
        if isinstance(token, int):
            sequence = self._running.get(number)
            logprobs = sequence.logprobs if sequence is not None else ()
            return number, token, list(logprobs.pop(0)) if logprobs else None
        self._running.pop(number, None)
        return number, None, None if token is None else error_value(token)


def stand_back(nice: int) -> None:
    """Lower the priority of all threads of this process, the libraries' own too; those that they start inherit it.

    nice: so far below gunicorn's master, and so below the workers. Not before the first version is loaded: until then,
    nobody can be answered.
    """
    master = os.getpriority(os.PRIO_PROCESS, os.getppid())
    for thread in os.listdir("/proc/self/task"):
        with suppress(OSError):  # it has ended
            os.setpriority(os.PRIO_PROCESS, int(thread), master + nice)
