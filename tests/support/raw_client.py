"""Raw connections to a real gunicorn that serves tests.support.worker_app, and the bytes of requests.

with running(store, KEEP_ALIVE) as server, Client(server) as client:
    status, headers, body = client.send(post(b"hello")).answer()
"""

import socket
from urllib.parse import urlsplit

from benchmarks.support.serving import gunicorn, live_server

__all__ = ["LIMIT", "Client", "chunked", "get", "post", "running"]

LIMIT = 100_000  # DAYLIGHT_MAX_BODY_BYTES of the server under test


def running(store, env, options="", before=(), **kept):
    """The test application under a worker class; the store is there for gunicorn.conf.py, which checks it.

    before: words of the command before gunicorn's, such as prlimit's.
    """
    env = {
        **env,
        "DAYLIGHT_MAX_BODY_BYTES": str(LIMIT),
        "GUNICORN_CMD_ARGS": options or "--keep-alive 30",
    }
    return live_server(store, env=env, command=[*before, *gunicorn("tests.support.worker_app:app")], **kept)


class Client:
    """One raw connection."""

    def __init__(self, url):
        where = urlsplit(url)
        self.sock = socket.create_connection((where.hostname, where.port), timeout=10)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, *pieces):
        for piece in pieces:
            self.sock.sendall(piece)
        return self

    def head(self):
        """(status, {header: value}) of the next answer; AssertionError where there is none."""
        line = self.file.readline()
        assert line.startswith(b"HTTP/1."), line
        headers = {}
        while (field := self.file.readline().strip()) != b"":
            name, _, value = field.decode().partition(": ")
            headers[name.lower()] = value
        return int(line.split()[1]), headers

    def answer(self, *, body=True):
        """(status, headers, body) of the next answer."""
        status, headers = self.head()
        if not body or status in (100, 204):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            pieces = []
            while size := int(self.file.readline(), 16):
                pieces.append(self.file.read(size))
                self.file.readline()
            self.file.readline()
            return status, headers, b"".join(pieces)
        return status, headers, self.file.read(int(headers["content-length"]))

    def ended(self):
        """Whether the server closed the connection."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


def post(body, path="/echo", more=b""):
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (path.encode(), more, len(body), body)


def chunked(*pieces, path="/echo"):
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (path.encode(), body)


def get(path, version="1.1", more=b""):
    return b"GET %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (path.encode(), version.encode(), more)
