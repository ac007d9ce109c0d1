"""One worker's connection to the engine process, at the side of the engine.

connection = HostConnection(host, sock)
connection.start()               # threads of its own answer the worker, until either side closes
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ServiceError
from ...generation.encoders.engine import EncoderEngine, outcome
from ...generation.encoders.work import Job
from ...generation.sequence import Sequence
from .protocol import PROTOCOL, ProtocolError, error_value, frames, params_from, rows_from, send

if TYPE_CHECKING:
    from .host import Host

__all__ = ["HostConnection"]

log = logging.getLogger(__name__)

MOST_UNSENT = 100_000  # items that a worker leaves unread before it is given up
CLOSED = object(), b""


class HostConnection:
    """One worker's connection: a thread reads what it asks, another one writes what it is told."""

    def __init__(self, host: Host, sock: socket.socket) -> None:
        self.host, self.sock = host, sock
        self._handles: dict[int, tuple[str, str]] = {}  # (model, version)
        self._engines: dict[int, Any] = {}  # each an Engine or an EncoderEngine; a worker knows which it has opened
        self._running: dict[int, Sequence] = {}
        self._encoding: dict[int, tuple[EncoderEngine, Job]] = {}
        # Of messages, each with the bytes that are attached to it; of (id, token or END or exception); of CLOSED.
        self._outbox: SimpleQueue = SimpleQueue()
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
                elif message["do"] == "encode":
                    self._encode(message, attached)
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
            self._say({"say": "refused", "handle": handle, "error": error_value(error)})
            return
        engine.proven = engine.proven or message["proven"]
        with self._lock:
            if not self._closed:
                self._handles[handle], self._engines[handle] = (model, version), engine
                self._say({"say": "opened", "handle": handle, "capacity": engine.capacity, "proven": engine.proven})
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
            self._say({"say": "started", "id": number})  # after it: a refusal is the other answer
        except Exception as error:
            self._running.pop(number, None)
            if not isinstance(error, ServiceError):
                log.exception("a sequence could not be started")
            self._say({"say": "refused", "id": number, "error": error_value(error)})

    def _encode(self, message: dict[str, Any], attached: bytes) -> None:
        number, engine = message["id"], self._engines[message["handle"]]
        seconds = message["seconds"]
        deadline = None if seconds is None else perf_counter() + seconds
        job = Job(rows_from(message["lengths"], message["typed"], attached), deadline, partial(self._encoded, number))
        self._encoding[number] = engine, job
        try:
            engine.submit(job)
        except ServiceError as error:
            self._encoding.pop(number, None)
            self._say({"say": "refused", "id": number, "error": error_value(error)})

    def _encoded(self, number: int, job: Job) -> None:
        """Called by the engine's thread."""
        self._encoding.pop(number, None)
        if job.error is not None:
            self._say({"say": "refused", "id": number, "error": error_value(job.error)})
        else:
            numbers = outcome(job)
            self._say({"say": "encoded", "id": number, "shape": numbers.shape}, numbers.tobytes())

    def _cancel(self, message: dict[str, Any]) -> None:
        sequence = self._running.get(message["id"])
        if sequence is not None:
            sequence.close()
        encoding = self._encoding.pop(message["id"], None)
        if encoding is not None:
            engine, job = encoding
            engine.withdraw(job)

    def _close_all(self) -> None:
        """The worker has gone: its sequences leave the engine within a step."""
        with self._lock:
            self._closed = True
            handles = list(self._handles.values())
            self._handles.clear()
            self._engines.clear()
        for sequence in list(self._running.values()):
            sequence.close()
        for engine, job in list(self._encoding.values()):
            engine.withdraw(job)
        for key in handles:
            self.host.close(*key, at_once=False)
        self._outbox.put(CLOSED)
        self.host.ended(self)

    # --- what the worker is told

    def _say(self, message: dict[str, Any], attached: bytes = b"") -> None:
        self._outbox.put((message, attached))

    def _write(self) -> None:
        """What waits for its sending goes at once: the tokens that all sequences get in a step are one frame."""
        try:
            while (waiting := self._waiting()) is not None:
                for message, attached in self._messages(waiting):
                    send(self.sock, message, attached)
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

    def _messages(self, waiting: list[Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
        items: list[tuple] = []
        for first, second in waiting:
            if isinstance(first, dict):
                if items:
                    yield {"say": "progress", "items": items}, b""
                    items = []
                yield first, second
            else:
                items.append(self._item(first, second))
        if items:
            yield {"say": "progress", "items": items}, b""

    def _item(self, number: int, token: int | Exception | None) -> tuple[int, int | None, Any]:
        if isinstance(token, int):
            sequence = self._running.get(number)
            logprobs = sequence.logprobs if sequence is not None else ()
            return number, token, list(logprobs.pop(0)) if logprobs else None
        self._running.pop(number, None)
        return number, None, None if token is None else error_value(token)
