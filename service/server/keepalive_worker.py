"""A gunicorn worker for instances whose every prediction takes microseconds: one thread, kept connections.

    WORKER_CLASS=service.server.keepalive_worker.KeepAliveWorker gunicorn --config gunicorn.conf.py

A request is collected without blocking until it is whole, so slow clients cost a buffer and no thread; only
then it is answered, and what the socket does not take at once is sent while others are served. One thread
cannot do anything beside a slow model: worker_class.py chooses this class only for stores without any. In
return a request that hangs stops the heartbeat, and the master replaces the worker after `timeout`.

Not offered: TLS and HTTP/2 (nginx's work), the pre_request and post_request hooks, endless streams.
"""

import contextlib
import os
import selectors
from datetime import datetime
from time import monotonic, time

from gunicorn.http import wsgi
from gunicorn.http.errors import ConfigurationProblem, LimitRequestHeaders, NoMoreData
from gunicorn.util import http_date
from gunicorn.workers.sync import SyncWorker

from ..settings import Settings
from .connection import Connection, Fixed, believed

__all__ = ["KeepAliveWorker"]

TICK = 0.5  # seconds between heartbeats, and between looks for who was quiet for too long
LINGER = 1.0  # seconds a stopping worker still hears its idle connections: a request may be on its way
GOODBYE = 2.0  # seconds a closed connection is read on: unread bytes would make the kernel destroy the answer
PATIENCE = 0.001  # seconds before accepting, for each connection this worker holds, ...
MOST_PATIENCE = 0.020  # ... up to this many


class OneSend(wsgi.Response):
    """gunicorn's response, with the head and the first piece of the body in one send."""

    held = b""
    second, date = 0, ""  # what time it is, as HTTP writes it; written once a second

    def default_headers(self):
        now = int(time())
        if now != OneSend.second:
            OneSend.date, OneSend.second = http_date(now), now
        major, minor = self.req.version
        kept = "close" if self.should_close() else "keep-alive"
        coded = ["Transfer-Encoding: chunked\r\n"] if self.chunked else []
        first = f"HTTP/{major}.{minor} {self.status}\r\nServer: {self.version}\r\n"
        return [first, f"Date: {self.date}\r\nConnection: {kept}\r\n", *coded]

    def send_headers(self):
        if not self.headers_sent:
            lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
            self.held = "".join(lines).encode("latin-1")
            self.headers_sent = True

    def _emit_body(self, data):
        framed = b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data
        self.sock.sendall(self.held + framed)
        self.held = b""

    def close(self):
        self.send_headers()
        rest = self.held + (b"0\r\n\r\n" if self.chunked else b"")
        if rest:
            self.sock.sendall(rest)
        self.held = b""

    def can_sendfile(self):
        return False  # it would block on a client that does not read


class KeepAliveWorker(SyncWorker):
    """One thread over all listeners and connections of a worker process."""

    def run(self):
        if self.cfg.is_ssl:
            raise ConfigurationProblem("this worker class speaks no TLS; let a proxy in front of it")
        self.limit = Settings.from_environ().max_body_bytes
        self.fixed = {answer: Fixed(self.cfg, answer) for answer in (True, False)}
        self.quiet = self.cfg.keepalive or self.timeout or TICK  # seconds without a byte that end a connection
        self.connections = {}  # file number -> Connection
        self.listening = False
        self.accept_at = 0.0  # when a listener that was seen readable is asked; 0: none was
        self.poller = selectors.DefaultSelector()
        self.poller.register(self.PIPE[0], selectors.EVENT_READ, self.woken)
        for listener in self.sockets:
            listener.setblocking(False)
        self.listen(True)
        self.next_tick = 0.0
        while self.alive:
            self.turn()
        self.drain()

    def turn(self):
        """Wait for something to happen and deal with all of it."""
        now = monotonic()
        if now >= self.next_tick:
            self.tick(now)
        wake = min(self.next_tick, self.accept_at) if self.accept_at else self.next_tick
        for key, _ in self.poller.select(max(0.0, wake - now)):
            key.data(key.fileobj)
        if self.accept_at and monotonic() >= self.accept_at:
            self.accept_one()

    def tick(self, now):
        self.notify()
        self.next_tick = now + TICK
        for connection in [one for one in self.connections.values() if one.deadline < now]:
            self.drop(connection)
        if not self.is_parent_alive():
            self.alive = False

    def woken(self, pipe):
        """A signal arrived; its handler has done the work, and the pipe only ended the wait."""
        with contextlib.suppress(BlockingIOError):
            os.read(pipe, 4096)

    def drain(self):
        """Answer what is on its way, close what is idle, and be gone within graceful_timeout."""
        self.listen(False)
        self.accept_at = 0.0
        for listener in self.sockets:
            listener.close()
        ends = monotonic() + self.cfg.graceful_timeout
        for connection in self.connections.values():
            if connection.idle:
                connection.deadline = min(connection.deadline, monotonic() + LINGER)
        while self.connections and monotonic() < ends:
            self.turn()

    # Accepting. Every worker sees a new connection; the one that holds fewest asks for it first.

    def listen(self, wanted):
        if wanted != self.listening:
            for listener in self.sockets:
                if wanted:
                    self.poller.register(listener, selectors.EVENT_READ, self.incoming)
                else:
                    self.poller.unregister(listener)
            self.listening = wanted

    def incoming(self, _):
        held = len(self.connections)
        if held and self.cfg.workers > 1:
            self.accept_at = monotonic() + min(held * PATIENCE, MOST_PATIENCE)
            self.listen(False)
        else:
            self.accept_one()

    def accept_one(self):
        self.accept_at = 0.0
        for listener in self.sockets:
            with contextlib.suppress(BlockingIOError, ConnectionAbortedError, InterruptedError):
                sock, address = listener.accept()
                cfg = self.fixed[believed(self.cfg, address)]
                connection = Connection(sock, address, listener.getsockname(), cfg, self.limit, self.quiet)
                self.connections[sock.fileno()] = connection
                self.poller.register(sock, selectors.EVENT_READ, connection_event(self.receive, connection))
        self.listen(self.alive and len(self.connections) < self.cfg.worker_connections)

    # One connection: receive until a request is whole, answer, flush, and from the start.

    def receive(self, connection):
        try:
            data = connection.receive()
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(connection)
        elif not connection.last:  # else what comes after the last request is only read away
            self.advance(connection)

    def advance(self, connection):
        """Answer every whole request that has arrived, as long as the client takes the answers."""
        try:
            while not connection.out and not connection.last and connection.whole():
                self.answer(connection)
        except StopIteration:
            connection.last = True
        except NoMoreData:
            self.refuse(connection, LimitRequestHeaders("the head is too long"))
        except Exception as error:
            self.refuse(connection, error)
        self.settle(connection)

    def answer(self, connection):
        request, complete = connection.take()
        try:
            response, environ = wsgi.create(
                request, connection, connection.address, connection.server, connection.cfg, response_class=OneSend
            )
            self.respond(connection, request, response, environ, complete)
        except BaseException as error:  # SystemExit as well: so ends a worker whose master lost its patience
            self.refuse(connection, error, request)
            if not isinstance(error, Exception):
                raise

    def respond(self, connection, request, response, environ, complete):
        began = datetime.now() if self.log.access_log_enabled else None
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not (complete and self.alive and self.cfg.keepalive):
            response.force_close()
        pieces = self.wsgi(environ, response.start_response)
        try:
            for piece in pieces:
                response.write(piece)
            response.close()
        finally:
            if began:
                self.log.access(response, request, environ, datetime.now() - began)
            if hasattr(pieces, "close"):
                pieces.close()
        connection.last = response.should_close() or not connection.rewind()
        connection.deadline = monotonic() + self.quiet

    def refuse(self, connection, error, request=None):
        """What is not HTTP, or an application that raised: gunicorn's own short answer, and the end."""
        if not connection.begun:
            self.handle_error(request, connection.sock, connection.address, error)
        else:
            self.log.error("Error in the middle of an answer", exc_info=error)
        connection.last = True

    def settle(self, connection):
        """Wait for what the connection needs next: room to write, the client's goodbye, or a request."""
        if connection.broken:
            self.drop(connection)
        elif connection.out:
            self.wait_for(connection, selectors.EVENT_WRITE, self.flush)
        elif connection.last and not connection.closed:
            connection.close_for_writing()
            connection.deadline = monotonic() + GOODBYE
            self.wait_for(connection, selectors.EVENT_READ, self.receive)
        elif connection.waits_for == selectors.EVENT_WRITE:
            self.wait_for(connection, selectors.EVENT_READ, self.receive)

    def flush(self, connection):
        if connection.flush():
            connection.deadline = monotonic() + self.quiet
        self.settle(connection) if connection.out or connection.broken else self.advance(connection)

    def wait_for(self, connection, event, then):
        if connection.waits_for != event:
            connection.waits_for = event
            self.poller.modify(connection.sock, event, connection_event(then, connection))

    def drop(self, connection):
        del self.connections[connection.fileno()]
        self.poller.unregister(connection.sock)
        connection.sock.close()
        if not self.accept_at:
            self.listen(self.alive and len(self.connections) < self.cfg.worker_connections)


def connection_event(then, connection):
    return lambda _: then(connection)
