"""A gunicorn worker for servers whose every prediction takes microseconds: one thread, kept connections.

    WORKER_CLASS=service.server.keepalive_worker.KeepAliveWorker gunicorn --config gunicorn.conf.py

A request is collected without blocking until it is whole, so slow clients cost a buffer and no thread. Only then it is
answered, and bytes that the socket does not take at once are sent while other connections are served. A slow model
would block the one thread: worker_class.py chooses this class only for stores without one, and threaded_worker.py for
the others. In return a request that hangs stops the heartbeat, and the master replaces the worker after `timeout`.

Connections are bounded. Where there are no more, the one that has been idle longest makes room for a new one; where
none is idle, new ones wait.

Not offered: TLS and HTTP/2 (nginx's work), the pre_request and post_request hooks, endless streams.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Callable
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem, LimitRequestHeaders, NoMoreData
from gunicorn.workers.sync import SyncWorker

from ..errors import RequestError, ServiceError, Unavailable
from ..observability import access_log
from ..settings import Settings
from ..web.services import EXTENSION
from .acceptor import Acceptor
from .connection import Connection, FixedConfig, NativeRequest, trusts_forwarded
from .native_head import NativeHeads
from .native_turn import SMALL_BODY, NativeTurn
from .one_send import OneSend
from .poller import READ, WRITE, Poller

__all__ = ["KeepAliveWorker"]

TICK = 0.5  # seconds between heartbeats, and between checks for connections that were quiet for too long
LINGER = 1.0  # seconds that a stopping worker keeps idle connections: a request may be on its way
GOODBYE = 2.0  # seconds that a closed connection is still read: for unread bytes the kernel would drop the answer
IDLE = 1.0  # seconds after which an idle connection may make room for another
BODIES = 16  # of the largest size that a worker receives at once; smaller ones are more
OTHER_FILES = 40  # that a worker has open besides its connections


class KeepAliveWorker(SyncWorker):
    """One thread over all listeners and connections of a worker process."""

    multithread = False  # whether requests are answered beside each other

    def run(self) -> None:
        if self.cfg.is_ssl:
            raise ConfigurationProblem("this worker class speaks no TLS; let a proxy in front of it")
        self.limit = Settings.from_environ().max_body_bytes
        self.most_unfinished = BODIES * self.limit
        self.configs = {trusted: FixedConfig(self.cfg, trusted) for trusted in (True, False)}
        self.keeps = bool(self.cfg.keepalive)  # looked up once: gunicorn's configuration is slow to ask
        self.quiet = self.cfg.keepalive or self.timeout or TICK  # seconds without a byte
        self.connections: dict[int, Connection] = {}  # by file number
        direct = self.wsgi.extensions[EXTENSION].direct
        self.native = NativeTurn(self, direct)
        self.heads = NativeHeads(self.cfg, direct.find) if direct and self.plain() else None
        self.poller = Poller()
        self.poller.watch(self.PIPE[0], READ, self.wake_up)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.acceptor = Acceptor(
            self.sockets,
            self.poller,
            patient=self.cfg.workers > 1,
            most=max(1, min(self.cfg.worker_connections, files - OTHER_FILES)),
            count=self.connections.__len__,
            begin=self.begin,
            make_room=self.shed,
        )
        self.acceptor.listen(True)
        access_log.hold()
        self.next_tick = 0.0
        while self.alive:
            self.turn()
        self.drain()

    def plain(self) -> bool:
        """Whether nothing is configured of which only gunicorn's own way to the application knows."""
        return not self.log.access_log_enabled and self.cfg.proxy_protocol == "off"

    def turn(self) -> None:
        """Wait for events, and handle all of them."""
        now = monotonic()
        if now >= self.next_tick:
            self.tick(now)
        accept_at = self.acceptor.at
        wake = min(self.next_tick, accept_at) if accept_at else self.next_tick
        self.poller.wait(max(0.0, wake - now))
        self.native.answer()
        if accept_at and monotonic() >= accept_at:
            self.acceptor.accept()

    def tick(self, now: float) -> None:
        self.notify()
        self.next_tick = now + TICK
        for connection in [each for each in self.connections.values() if each.deadline < now]:
            self.expire(connection)
        if not self.is_parent_alive():
            self.alive = False

    def wake_up(self) -> None:
        """A signal arrived: its handler has done the work, and the pipe has ended the wait."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.PIPE[0], 4096)

    def drain(self) -> None:
        """Answer requests that are on their way, close idle connections, and end within graceful_timeout."""
        self.acceptor.close()
        ends = monotonic() + self.cfg.graceful_timeout
        for connection in self.connections.values():
            if connection.idle:
                self.rest(connection)
        while self.connections and monotonic() < ends:
            self.turn()

    def shed(self) -> bool:
        """Close the connection that has been idle longest; False where none has been for long enough."""
        latest = monotonic() + self.quiet - IDLE
        idle = [each for each in self.connections.values() if each.idle and each.deadline < latest]
        if idle:
            self.drop(min(idle, key=lambda each: each.deadline))
        return bool(idle)

    def begin(self, sock: socket.socket, address: Any, listener: socket.socket) -> None:
        cfg = self.configs[trusts_forwarded(self.cfg, address)]
        connection = Connection(sock, address, listener.getsockname(), cfg, self.limit, self.quiet, self.heads)
        self.connections[sock.fileno()] = connection
        self.wait_for(connection, READ, self.receive)

    # One connection: receive until a request is whole, answer it, send the rest, and begin again.

    def receive(self, connection: Connection) -> None:
        try:
            data = connection.receive()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(connection)
        elif connection.missing > 0 and self.unfinished() > self.most_unfinished:
            self.turn_away(connection, 503, Unavailable("more is being received here than there is memory for"))
        elif not connection.last:  # bytes after the last request are read and dropped
            self.advance(connection)

    def unfinished(self) -> int:
        """Bytes of bodies that are still arriving."""
        return sum(each.received for each in self.connections.values() if each.request is not None)

    def advance(self, connection: Connection) -> None:
        """Answer every whole request that has arrived, as long as the client takes the answers."""
        try:
            while not connection.out and not connection.last and connection.whole():
                if not self.take(connection):
                    return
        except StopIteration:
            connection.last = True
        except NoMoreData:
            self.refuse(connection, LimitRequestHeaders("the head is too long"))
        except Exception as error:
            self.refuse(connection, error)
        self.settle(connection)

    def take(self, connection: Connection) -> bool:
        """Answer a whole request; False where that is done later: at the end of the turn, or in a thread."""
        if type(connection.request) is NativeRequest and connection.request.head.length <= SMALL_BODY:
            self.native.add(connection)
            return False
        self.answer(connection)
        self.rest(connection)
        return True

    def rest(self, connection: Connection) -> None:
        """The connection may wait for its next request; in a stopping worker not for long."""
        connection.wait_for_request()
        if not self.alive and connection.idle:
            connection.deadline = min(connection.deadline, monotonic() + LINGER)

    def answer(self, connection: Connection) -> None:
        if type(connection.request) is NativeRequest:
            self.native.answer_all([connection])
            return
        request, complete = connection.take()
        try:
            response, environ = wsgi.create(
                request, connection, connection.address, connection.server, connection.cfg, response_class=OneSend
            )
            environ["wsgi.multithread"] = self.multithread
            environ["gunicorn.socket"] = connection.sock  # to see whether the client has gone
            self.respond(connection, request, response, environ, complete)
        except BaseException as error:  # SystemExit, too: it ends a worker whose master has run out of patience
            self.refuse(connection, error, request)
            if not isinstance(error, Exception):
                raise

    def respond(self, connection: Connection, request: Any, response: Any, environ: Any, complete: bool) -> None:
        """Call the application and send its answer. complete: whether all of the body has arrived."""
        began = datetime.now() if self.log.access_log_enabled else None
        if not (self.may_keep() and complete):
            response.force_close()
        pieces = self.wsgi(environ, response.start_response)
        try:
            for piece in pieces:
                response.write(piece)
                if connection.broken:  # nobody reads the rest
                    break
            response.close()
        finally:
            if began:
                self.log.access(response, request, environ, datetime.now() - began)
            if hasattr(pieces, "close"):
                pieces.close()
        connection.last = response.should_close() or not connection.rewind()

    def may_keep(self) -> bool:
        """Count a request; returns whether its connection may stay."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        return self.alive and self.keeps

    def refuse(self, connection: Connection, error: BaseException, request: Any = None) -> None:
        """Answer bytes that are not HTTP, or an application that raised, as gunicorn does; then close."""
        if not connection.begun:
            self.handle_error(request, connection.sock, connection.address, error)
        else:
            self.log.error("Error in the middle of an answer", exc_info=error)
        connection.last = True

    def expire(self, connection: Connection) -> None:
        """The deadline has passed. A client of which half a request has arrived is told why it is closed."""
        if not connection.incomplete:
            self.drop(connection)
            return
        what = "body" if connection.request else "head"
        self.turn_away(connection, 408, RequestError(f"the request's {what} did not arrive in time"))

    def turn_away(self, connection: Connection, status: int, error: ServiceError) -> None:
        """Answer a request that has not arrived whole, and close."""
        from .protocol_errors import send_error  # not above: the master imports this module, and none of the dialects

        send_error(connection.sock, status, error)
        connection.last = True
        self.settle(connection)

    def settle(self, connection: Connection) -> None:
        """Wait for what the connection needs next: room to write, the client's end, or a request."""
        if connection.broken:
            self.drop(connection)
        elif connection.out:
            self.wait_for(connection, WRITE, self.flush)
        elif connection.last and not connection.closed:
            connection.close_for_writing()
            connection.deadline = monotonic() + GOODBYE
            self.wait_for(connection, READ, self.receive)
        elif connection.waits_for == WRITE:
            self.wait_for(connection, READ, self.receive)

    def flush(self, connection: Connection) -> None:
        if connection.flush():
            connection.deadline = monotonic() + self.quiet
        self.settle(connection) if connection.out or connection.broken else self.advance(connection)

    def wait_for(self, connection: Connection, event: int, then: Callable[[Connection], None]) -> None:
        if connection.waits_for != event:
            self.poller.watch(connection.sock, event, partial(then, connection))
            connection.waits_for = event

    def drop(self, connection: Connection) -> None:
        del self.connections[connection.fileno()]
        self.poller.forget(connection.sock)
        connection.sock.close()
