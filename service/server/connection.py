"""One connection of the keep-alive worker: bytes are received until a request is whole, and sent until none are left.

What a request is, and where it ends, two parsers decide: llhttp for heads that are plain and answered without Flask
(native_head.py), and gunicorn's own for all others. This module decides when they run.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from io import BytesIO
from ipaddress import ip_address
from time import monotonic
from typing import Any, NamedTuple

from gunicorn.http import get_parser
from gunicorn.http.unreader import Unreader

from .chunked_body import ChunkedBody, Progress
from .native_head import NativeHead, NativeHeads
from .request_rules import check_framing, check_lines

__all__ = ["Connection", "FixedConfig", "NativeRequest", "trusts_forwarded"]

RECEIVED = 8192  # bytes of one read while the end of the request is not known, as in gunicorn
MOST_RECEIVED = 2**18  # bytes of one read while a large body is known to come
HEAD = 2**16  # bytes of a request's head: far more than any honest client sends
HEAD_SECONDS = 20.0  # from a head's first byte to its last
BODY_SECONDS = 20.0  # without a byte of a body; a body as a whole gets these and those that BODY_PACE gives it
BODY_PACE = 500  # bytes a second
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Arrived(Unreader):
    """The parser's source: bytes that have arrived. After the last of them it sees the end of the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: deque[bytes] = deque()

    def chunk(self, size_hint: int | None = None) -> bytes:
        return self.pieces.popleft() if self.pieces else b""


class FixedConfig:
    """gunicorn's configuration as plain attributes: its parser reads several of them at every request.

    trusted: whether the peer is a proxy whose X-Forwarded headers count.
    """

    def __init__(self, cfg: Any, trusted: bool) -> None:
        vars(self).update({name: setting.get() for name, setting in cfg.settings.items()})
        self.is_ssl = cfg.is_ssl
        self.proxy_allow_networks = cfg.proxy_allow_networks
        self.forwarded_allow_ips = ["*"]  # decided once for each connection, by `trusted`
        self.forwarded_allow_networks = list
        if not trusted:
            self.secure_scheme_headers: dict[str, str] = {}
            self.forwarder_headers: list[str] = []


def trusts_forwarded(cfg: Any, address: Any) -> bool:
    """Whether forwarded_allow_ips names the peer.

    Peers on a unix socket are always trusted: the mode of the socket's file restricts who can connect.
    """
    if not isinstance(address, tuple) or "*" in cfg.forwarded_allow_ips:
        return True
    peer = ip_address(address[0].partition("%")[0])
    return any(peer in network for network in cfg.forwarded_allow_networks())


class NativeRequest(NamedTuple):
    """A request that is answered without WSGI: its head, and all of its body. sock: the client's connection."""

    head: NativeHead
    body: bytes
    sock: socket.socket


class Connection:
    """One client's connection.

    out: what the socket has not taken yet. last: no further request is answered. begun: whether an answer has begun.
    closed: whether it is closed for writing. broken: whether the client has gone. deadline: when it is dropped.
    answering: whether a thread answers its request; the connection is then that thread's alone. waits_for: the event
    that the worker waits for; 0: none.
    """

    def __init__(
        self,
        sock: socket.socket,
        address: Any,
        server: Any,
        cfg: Any,
        limit: int,
        quiet: float,
        heads: NativeHeads | None = None,
    ) -> None:
        """limit: bytes of a body. quiet: seconds without a byte after which the connection is dropped.

        heads: reads the heads of what is answered without WSGI; None where nothing is.
        """
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.address, self.server, self.limit = sock, address, server, limit
        self.quiet, self.heads = quiet, heads
        self.deadline = monotonic() + quiet
        self.cfg = cfg
        self.parser = get_parser(cfg, (), address)
        self.parser.unreader = self.arrived = Arrived()
        self.head = b""
        self.searched = 0  # where in `head` its end may begin
        self.request: Any = None  # gunicorn's or a NativeRequest, while its body is still arriving
        self.missing = 0  # bytes of that body; at least 1 while its end is not known
        self.complete = True  # whether all of that body is taken
        self.detached = False  # whether that body is out of the parser's hands
        self.chunks: ChunkedBody | None = None
        self.received, self.began_at = 0, 0.0  # bytes of that body, and when its head was read
        self.out: bytes | memoryview = b""
        self.begun = self.last = self.closed = self.broken = self.answering = False
        self.waits_for = 0

    def fileno(self) -> int:
        return self.sock.fileno()

    @property
    def idle(self) -> bool:
        """Whether it is between two requests."""
        return not (self.answering or self.head or self.request or self.out or self.last)

    @property
    def incomplete(self) -> bool:
        """Whether a part of a request has arrived, and the rest has not."""
        return bool(self.head or self.request) and not (self.answering or self.out or self.last)

    def receive(self) -> bytes:
        """One read; b"" at the end. Raises OSError."""
        data = self.sock.recv(min(max(self.missing, RECEIVED), MOST_RECEIVED))
        if self.last:
            return data
        if self.request is None:
            if not self.head:
                self.deadline = min(self.deadline, monotonic() + HEAD_SECONDS)
            self.head += data
        else:
            self.arrived.pieces.append(data)
            self.follow(data)
            self.received += len(data)
            self.wait_for_body()
        return data

    def wait_for_body(self) -> None:
        """Set the deadline of a body that is still arriving."""
        paced = self.began_at + self.received / BODY_PACE
        self.deadline = min(monotonic(), paced) + min(BODY_SECONDS, self.quiet)

    def wait_for_request(self) -> None:
        """Set the deadline of a connection whose last request has been answered."""
        self.deadline = monotonic() + (min(HEAD_SECONDS, self.quiet) if self.head else self.quiet)

    def whole(self) -> bool:
        """Whether a request has arrived as far as it is needed. Raises what gunicorn's parser raises."""
        if self.request is None:
            if not self.head:
                return False
            end = self.head.find(b"\r\n\r\n", self.searched)
            if end < 0 and len(self.head) <= HEAD:
                check_lines(self.head)
                self.searched = max(0, len(self.head) - 3)
                return False
            self.begin(self.head, end + 4)
        return self.missing <= 0

    def begin(self, data: bytes, end: int) -> None:
        """Parse the head, which ends at `end` of the data."""
        self.head = b""
        self.searched = 0
        self.begun = False
        head = self.heads.read(data[:end]) if self.heads else None
        if head is not None and head.length <= self.limit:
            self.begin_native(head, data, end)
        else:
            self.begin_with_gunicorn(data, end)

    def begin_native(self, head: NativeHead, data: bytes, end: int) -> None:
        self.complete = self.detached = True
        self.missing = end + head.length - len(data)
        if self.missing <= 0:  # most bodies arrive with their head
            self.request = NativeRequest(head, data[end : end + head.length], self.sock)
            self.head = data[end + head.length :]
        else:
            self.request = NativeRequest(head, b"", self.sock)
            self.arrived.pieces.append(data[end:])
            self.chunks = None
            self.received, self.began_at = len(data) - end, monotonic()
            self.wait_for_body()

    def begin_with_gunicorn(self, data: bytes, end: int) -> None:
        self.arrived.pieces.append(data[:end])
        request = next(self.parser)
        headers = dict(request.headers)
        check_framing(request, headers)
        expected = request._expected_100_continue
        request._expected_100_continue = False  # gunicorn would answer it later, when the body has arrived
        self.chunks = ChunkedBody(self.limit) if "TRANSFER-ENCODING" in headers else None
        self.missing = length = int(headers.get("CONTENT-LENGTH", 0))
        self.complete = True
        self.request = request
        self.detached = self.chunks is None and length <= min(len(data) - end, self.limit)
        if self.detached:  # most bodies have arrived with their head: no reader has to be asked for their pieces
            self.missing = 0
            request.body = BytesIO(data[end : end + length])
            self.head += data[end + length :]
            return
        if len(data) > end:  # an empty piece would be the end of the stream
            self.arrived.pieces.append(data[end:])
        self.follow(data[end:])
        if self.missing > 0:
            self.received, self.began_at = len(data) - end, monotonic()
            self.wait_for_body()
            if expected:
                self.sendall(CONTINUE)
                self.begun = False

    def follow(self, data: bytes) -> None:
        """Count what has arrived of the body. The worker does not wait for one that is larger than the limit."""
        if self.chunks is not None:
            progress = self.chunks.follow(data)
            self.missing = 1 if progress is Progress.NEED_MORE else 0
            self.complete = progress is not Progress.UNPARSABLE
        else:
            if self.missing > self.limit:
                self.complete = False
            self.missing = 0 if not self.complete else self.missing - len(data)

    def take(self) -> tuple[Any, bool]:
        """(the whole request, whether all of its body has arrived)."""
        request, self.request = self.request, None
        if type(request) is NativeRequest and self.arrived.pieces:
            arrived, head = b"".join(self.arrived.pieces), request.head
            self.arrived.pieces.clear()
            request, self.head = NativeRequest(head, arrived[: head.length], self.sock), arrived[head.length :]
        return request, self.complete

    def rewind(self) -> bool:
        """Make the bytes after the answered request the beginning of the next; False where that is unknown."""
        if not self.detached and not self.parser.finish_body():
            return False
        self.parser.mesg = None  # or the parser would look for the body's end once more
        self.head += self.arrived.take_buffered()
        while self.arrived.pieces:
            self.head += self.arrived.pieces.popleft()
        return True

    def sendall(self, data: bytes) -> None:
        """Send what the socket takes now, and keep the rest. A client that has gone is noted, not raised."""
        self.begun = True
        self.out = bytes(self.out) + data if self.out else data
        self.flush()

    def flush(self) -> bool:
        """Send what is left; returns whether anything could be sent."""
        try:
            sent = self.sock.send(self.out)
        except BlockingIOError:
            return False
        except OSError:
            self.broken, sent = True, len(self.out)
        self.out = memoryview(self.out)[sent:] if sent < len(self.out) else b""  # a slice of a view copies nothing
        return True

    send = sendall

    def close_for_writing(self) -> None:
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
