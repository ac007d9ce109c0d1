"""One connection of the keep-alive worker: bytes in until a request is whole, bytes out until they are sent.

It decides only *when* gunicorn's own parser is asked; what a request is, and where it ends, the parser says.
"""

import contextlib
import re
import selectors
import socket
from collections import deque
from ipaddress import ip_address
from time import monotonic

from gunicorn.http import get_parser
from gunicorn.http.unreader import Unreader

__all__ = ["Connection", "Fixed", "believed"]

RECEIVED = 8192  # bytes asked for at once while the end of the request is not known, as gunicorn does
MOST_RECEIVED = 2**18  # and while a large body is known to come
HEAD = 2**16  # bytes of a request's head: far more than any that is meant well
SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Arrived(Unreader):
    """What a parser reads from: bytes that have arrived. Where they end, it sees the end of the stream."""

    def __init__(self):
        super().__init__()
        self.pieces = deque()

    def chunk(self, size_hint=None):
        return self.pieces.popleft() if self.pieces else b""


class Fixed:
    """gunicorn's configuration as plain attributes, for what its parser asks again at every request.

    `believed`: whether the peer is a proxy of ours, whose word on the scheme counts.
    """

    def __init__(self, cfg, believed):
        vars(self).update({name: setting.get() for name, setting in cfg.settings.items()})
        self.is_ssl = cfg.is_ssl
        self.proxy_allow_networks = cfg.proxy_allow_networks
        self.forwarded_allow_ips = ["*"]  # decided once a connection, and so no question any more
        self.forwarded_allow_networks = list
        if not believed:
            self.secure_scheme_headers, self.forwarder_headers = {}, []


def believed(cfg, address):
    """Whether forwarded_allow_ips names the peer; whoever may connect to a unix socket is one of us."""
    if not isinstance(address, tuple) or "*" in cfg.forwarded_allow_ips:
        return True
    peer = ip_address(address[0].partition("%")[0])
    return any(peer in network for network in cfg.forwarded_allow_networks())


class Connection:
    """`out`: what the socket did not take yet. `last`: no further request is answered. `idle`: between requests."""

    def __init__(self, sock, address, server, cfg, limit, quiet):
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.address, self.server, self.limit = sock, address, server, limit
        self.quiet = quiet
        self.deadline = monotonic() + quiet
        self.cfg = cfg
        self.parser = get_parser(cfg, (), address)
        self.parser.unreader = self.arrived = Arrived()
        self.head = bytearray()
        self.searched = 0  # where in `head` its end may begin
        self.request = None  # parsed, its body still on the way
        self.missing = 0  # bytes of that body
        self.chunks = None
        self.out = b""
        self.begun = self.last = self.closed = self.broken = False
        self.waits_for = selectors.EVENT_READ

    def fileno(self):
        return self.sock.fileno()

    @property
    def idle(self):
        return not (self.head or self.request or self.out)

    def receive(self):
        """One read; b"" at the end. Raises OSError."""
        data = self.sock.recv(min(max(self.missing, RECEIVED), MOST_RECEIVED))
        if self.last:
            return data
        if self.request is None:
            self.head += data
        else:
            self.arrived.pieces.append(data)
            self.follow(data)
            self.deadline = monotonic() + self.quiet  # a body may take long, as long as it comes
        return data

    def whole(self):
        """Whether a request has arrived as far as it has to. Raises what gunicorn's parser raises."""
        if self.request is None:
            end = self.head.find(b"\r\n\r\n", self.searched)
            if end < 0 and len(self.head) <= HEAD:
                self.searched = max(0, len(self.head) - 3)
                return False
            self.begin(bytes(self.head), end + 4)
        return self.missing <= 0

    def begin(self, data, end):
        self.head.clear()
        self.searched = 0
        self.begun = False
        self.arrived.pieces.append(data)
        request = next(self.parser)
        headers = dict(request.headers)
        self.chunks = Chunks(self.limit) if "TRANSFER-ENCODING" in headers else None
        self.missing = int(headers.get("CONTENT-LENGTH", 0))
        self.complete = True
        self.request = request
        self.follow(data[end:])
        if request._expected_100_continue:
            request._expected_100_continue = False  # gunicorn would answer it later, with the body at hand
            if self.missing > 0:
                self.sendall(CONTINUE)
                self.begun = False

    def follow(self, data):
        """Count what has come of the body. One that is larger than the limit is not waited for."""
        if self.chunks is not None:
            self.missing, self.complete = self.chunks.follow(data)
        else:
            if self.missing > self.limit:
                self.complete = False
            self.missing = 0 if not self.complete else self.missing - len(data)

    def take(self):
        """The whole request, and whether all of its body is there."""
        request, self.request = self.request, None
        return request, self.complete

    def rewind(self):
        """Make what came after the answered request the beginning of the next; False where that is unknown."""
        if not self.parser.finish_body():
            return False
        self.parser.mesg = None  # or the parser would make sure once more
        self.head += self.arrived.take_buffered()
        while self.arrived.pieces:
            self.head += self.arrived.pieces.popleft()
        return True

    def sendall(self, data):
        """Send what the socket takes now, and keep the rest. A client that is gone is noted, not raised."""
        self.begun = True
        self.out = bytes(self.out) + data if self.out else data
        self.flush()

    def flush(self):
        """Whether anything could be sent."""
        try:
            sent = self.sock.send(self.out)
        except BlockingIOError:
            return False
        except OSError:
            self.broken, sent = True, len(self.out)
        self.out = memoryview(self.out)[sent:] if sent < len(self.out) else b""  # a slice of a view copies nothing
        return True

    send = sendall

    def close_for_writing(self):
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)


class Chunks:
    """Follows a chunked body to its end without keeping it. What it cannot follow, the parser shall refuse."""

    def __init__(self, limit):
        self.limit = limit
        self.seen = bytearray()  # from the next line on
        self.skip = 0  # bytes of a chunk, and its CRLF, that are still to come
        self.size = self.wire = 0
        self.trailers = False

    def follow(self, data):
        """(bytes missing: 0 or at least 1, whether all of the body is there)."""
        self.wire += len(data)
        if self.wire > 2 * self.limit + HEAD:  # one-byte chunks are six on the wire; nobody sends many of them
            return 0, False
        self.seen += data
        while not self.trailers:
            skipped = min(self.skip, len(self.seen))
            del self.seen[:skipped]
            self.skip -= skipped
            end = self.seen.find(b"\r\n")
            if self.skip or end < 0:
                return (0, False) if len(self.seen) > RECEIVED else (1, True)
            size = SIZE.match(self.seen)
            if not size:
                return 0, False
            size = int(size[0], 16)
            self.size += size
            if self.size > self.limit:
                return 0, False
            del self.seen[: end + (0 if size == 0 else 2)]
            self.trailers = size == 0
            self.skip = size + 2
        return (0, True) if b"\r\n\r\n" in self.seen else (0, False) if len(self.seen) > HEAD else (1, True)
