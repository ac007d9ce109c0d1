"""A worker's side of the engine process: one connection, over which its models use their engines.

    client = EngineClient.at("/dev/shm/daylight-0-41/engine-1")
    engine = client.open("smollm2", "1", RemoteEngine)          # raises StartupError
    list(engine.generate([504, 1418], SamplingParams(max_tokens=8)))

When the engine process ends, what was running ends with ModelNotReady, and so does what is asked until its successor
has loaded the versions that are open here: the connection is made again for as long as there are any.
"""

from __future__ import annotations

import itertools
import logging
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np

from ...errors import ModelNotReady, ServiceError, StartupError
from ...generation.encoders.asker import awaited
from .protocol import PROTOCOL, ProtocolError, error_from, frames, params_value, send
from .remote import RETRY_AFTER, Remote, RemoteEncoder, RemoteSequence

__all__ = ["EngineClient"]

log = logging.getLogger(__name__)

CONNECT_SECONDS = 60.0  # that a first connection may take: the process is started beside this one
PAUSE = 0.05  # seconds between two attempts to connect
ANSWER_SECONDS = 90.0  # longer than a hung engine lives
SEND_SECONDS = 30  # that the engine may leave its socket unread
LONGEST_PAUSE = 30.0  # seconds between two attempts to load a version that cannot be loaded any more

Opened = TypeVar("Opened", bound=Remote)


class EngineClient:
    """One worker's connection. Its methods are for any thread; two threads of its own send and receive."""

    _of_process: EngineClient | None = None
    _making = threading.Lock()

    @classmethod
    def at(cls, path: str) -> EngineClient:
        """The client of this process for the engine that listens at a path."""
        with cls._making:
            if cls._of_process is None or cls._of_process.path != path:
                cls._of_process = cls(path)
            return cls._of_process

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()  # over what follows; never held while anything waits
        self._socket: socket.socket | None = None
        self._lost_connections = 0
        self._receiver: threading.Thread | None = None
        self._engines: weakref.WeakValueDictionary[int, Remote] = weakref.WeakValueDictionary()
        self._running: dict[int, RemoteSequence] = {}
        self._answers: dict[int, SimpleQueue] = {}  # by handle or id, whose numbers are never the same
        self._numbers = itertools.count(1)
        self._to_send: SimpleQueue[tuple[socket.socket, dict[str, Any], bytes]] = SimpleQueue()
        threading.Thread(target=self._send_all, name="daylight-client-send", daemon=True).start()

    def open(self, model: str, version: str, kind: type[Opened]) -> Opened:
        """Load a version in the engine process, unless another worker has. Raises StartupError.

        kind: RemoteEngine or RemoteEncoder, by what the version's engine does.
        """
        engine = kind(self, next(self._numbers), model, version)
        for last in (False, True):
            lost = self._wait_for_connection()
            try:
                self._open(engine)
            except ModelNotReady as error:  # the engine ended meanwhile: of this version, or killed
                if last:
                    raise StartupError(f"{engine} cannot be loaded: {error}") from None
                continue
            with self._lock:
                if lost == self._lost_connections:  # or the receiver opens it again, as the others
                    self._engines[engine.handle] = engine
                    return engine
        raise StartupError(f"{engine} cannot be loaded: the engine ended twice meanwhile")

    def _wait_for_connection(self) -> int:
        """How many connections have been lost before this one. Raises StartupError where none can be made."""
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._connect():
            if time.monotonic() > deadline:
                raise StartupError(f"the engine process does not listen at {self.path}")
            time.sleep(PAUSE)
        return self._lost_connections

    def _open(self, engine: Remote) -> None:
        """Ask for a version. Raises StartupError, or ModelNotReady where the connection is lost meanwhile."""
        asked = {"do": "open", "handle": engine.handle, "model": engine.model, "version": engine.version}
        # To load a version takes as long as it takes; the rollout has a bound of its own for that.
        answer, _ = self._ask(engine.handle, {**asked, "proven": engine.proven})
        engine.opened(answer["capacity"], proven=answer["proven"])

    # --- for a RemoteEncoder

    def encode(self, engine: RemoteEncoder, message: dict[str, Any], rows: bytes, deadline: float | None) -> np.ndarray:
        """The numbers of these rows, float32. deadline: a `perf_counter()` moment, or None. Raises what the engine
        refuses or ends them with."""
        number = next(self._numbers)
        message = {"do": "encode", "id": number, "handle": engine.handle, **message}
        # Without a deadline it waits for as long as the engine lives, and the client is there.
        answer, numbers = self._ask(
            number, message, rows, wait=lambda answers: awaited(partial(taken, answers), deadline)
        )
        return np.frombuffer(numbers, np.float32).reshape(answer["shape"])

    # --- for a RemoteEngine

    def start(self, sequence: RemoteSequence) -> None:
        """Raises what the engine refuses it with."""
        sequence.number = number = next(self._numbers)
        message = {"do": "generate", "id": number, "handle": sequence.engine.handle, "grammar": sequence.grammar}
        message |= {"params": params_value(sequence.params), "eos_ids": list(sequence.eos_ids)}
        ids = np.asarray(sequence.prompt_ids, np.int32).tobytes()
        self._ask(number, message, ids, wait=in_time, starts=sequence)

    def cancel(self, number: int) -> None:
        """End a sequence that has not ended."""
        if number in self._running:
            self.tell({"do": "cancel", "id": number})

    def tell(self, message: dict[str, Any]) -> None:
        """Send, where there is a connection. It takes no lock, for a finalizer calls it in any thread."""
        if (sock := self._socket) is not None:
            self._to_send.put((sock, message, b""))

    def _ask(
        self,
        number: int,
        message: dict[str, Any],
        attached: bytes = b"",
        *,
        wait: Callable[[SimpleQueue], Any] = SimpleQueue.get,
        starts: RemoteSequence | None = None,
    ) -> tuple[dict[str, Any], bytes]:
        """Send, and wait for the answer, with what is attached to it. Raises the error that it is, or ModelNotReady.

        wait: takes the answer from its queue, or raises a ServiceError where it is awaited no more. starts: what gets
        tokens from now on, unless the answer is an error.
        """
        answers: SimpleQueue = SimpleQueue()
        with self._lock:
            if self._socket is None:
                raise restarting()
            self._answers[number] = answers
            if starts is not None:  # under the lock: a connection that is lost ends all that it has started
                self._running[number] = starts
            self._to_send.put((self._socket, message, attached))
        try:
            answer = wait(answers)
        except ServiceError as error:
            self.tell({"do": "cancel", "id": number})
            answer = error
        finally:
            self._answers.pop(number, None)
        if isinstance(answer, Exception):
            self._running.pop(number, None)
            raise answer
        return answer

    # --- the connection

    def _connect(self) -> bool:
        """Whether there is a connection now."""
        with self._lock:
            if self._socket is not None:
                return True
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(self.path)
                send(sock, {"protocol": PROTOCOL})
            except OSError:
                sock.close()
                return False
            # Of sending alone: who receives waits without an end.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
            self._socket = sock
            if self._receiver is None:
                self._receiver = threading.Thread(target=self._receive_all, name="daylight-client", daemon=True)
                self._receiver.start()
            return True

    def _send_all(self) -> None:
        while True:
            sock, message, attached = self._to_send.get()
            if sock is self._socket:  # else it was lost, with what this is for
                try:
                    send(sock, message, attached)
                except OSError:
                    with suppress(OSError):
                        sock.shutdown(socket.SHUT_RDWR)  # the receiver does the rest

    def _receive_all(self) -> None:
        """Receive over this connection and its successors, for as long as any engine is open."""
        while True:
            sock = self._socket
            assert sock is not None
            try:
                for message, attached in frames(sock):
                    self._received(message, attached)
            except OSError:
                pass  # it has ended: the master says so, and why
            except (ProtocolError, LookupError, TypeError, ValueError) as error:
                log.error("the engine process is not understood: %s: %s", type(error).__name__, error)
            self._lost(sock)
            while not self._connect():
                with self._lock:
                    if not self._engines:
                        self._receiver = None
                        return
                time.sleep(PAUSE)
            threading.Thread(target=self._open_again, name="daylight-client-open", daemon=True).start()

    def _received(self, message: dict[str, Any], attached: bytes) -> None:
        if message["say"] == "progress":
            for number, token, more in message["items"]:
                sequence = self._running.get(number) if token is not None else self._running.pop(number, None)
                if sequence is not None:
                    sequence.received(token, more)
            return
        answers = self._answers.get(message["handle"] if "handle" in message else message["id"])
        if answers is not None:
            answers.put(error_from(message["error"]) if message["say"] == "refused" else (message, attached))

    def _lost(self, sock: socket.socket) -> None:
        """The connection has ended: end what waits for it."""
        with self._lock:
            self._socket = None
            self._lost_connections += 1
            running, self._running = self._running, {}
            answers, self._answers = self._answers, {}
            engines = list(self._engines.values())
        sock.close()
        for engine in engines:
            engine.failure = "the engine is started again"
        for queue in answers.values():
            queue.put(restarting())
        for sequence in running.values():
            sequence.finish(restarting())

    def _open_again(self) -> None:
        """Open in a new engine process what was open in the last one."""
        lost = self._lost_connections
        waiting = [(engine, 1.0) for engine in list(self._engines.values())]
        while waiting and lost == self._lost_connections:
            engine, pause = waiting.pop(0)
            try:
                self._open(engine)
            except ModelNotReady:
                return  # this engine process is gone as well: the next connection begins anew
            except StartupError as error:
                log.error("the engine process cannot load %s: %s", engine, error)
                engine.failure = str(error)
                time.sleep(pause)
                waiting.append((engine, min(LONGEST_PAUSE, 2 * pause)))


def in_time(answers: SimpleQueue) -> Any:
    """What comes. Raises ModelNotReady where it does not come in time."""
    answer = taken(answers, ANSWER_SECONDS)
    if answer is None:
        raise ModelNotReady("the engine process does not answer", retry_after=RETRY_AFTER)
    return answer


def taken(answers: SimpleQueue, seconds: float) -> Any:
    """What comes within so many seconds, or None."""
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None


def restarting() -> ModelNotReady:
    return ModelNotReady("the engine ended and is started again", retry_after=RETRY_AFTER)
