"""A tiny HTTP server that answers as it is told to, well or badly, for the tests of the client.

    with answering({"GET /v1/models": ok({"data": []})}) as server:
        requests.get(f"{server.url}/v1/models")
    server.requests[0].path

A route's answer is an Answer, DROP, a list of them (one a request, the last for ever), or a function of
the Request that returns one. `server.over` is set at the end, for answers that wait.
"""

import contextlib
import json
import threading
from collections import namedtuple
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["DROP", "GOOD", "IRIS", "PREDICT", "Answer", "Request", "Server", "answering", "ok"]

Request = namedtuple("Request", "method path headers body connection")  # connection: the client's port


@dataclass(frozen=True)
class Answer:
    """content: bytes. length: what Content-Length claims, if not the truth. close: end the connection after it."""

    status: int = 200
    content: bytes = b""
    headers: dict = field(default_factory=dict)
    length: int | None = None
    close: bool = False


DROP = object()  # no answer at all: the connection is closed


def ok(value, **headers):
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


PREDICT = "POST /v1/models/m:predict"
GOOD = ok({"predictions": ["yes"], "model_name": "m", "model_version": "3"})


def predict_iris(request):
    if request.headers["Content-Type"] == "text/csv":
        rows = request.body.split()[1:]
    else:
        call = json.loads(request.body)
        rows = call.get("instances") or list(zip(*call["inputs"].values(), strict=True))
    return ok({"predictions": ["setosa"] * len(rows), "model_name": "iris", "model_version": "1"})


IRIS = {
    "GET /health/ready": ok({"status": "ready"}),
    "GET /health/live": ok({"status": "live"}),
    "GET /v1/models": ok({"data": [{"id": "iris", "kind": "tabular", "version": "1", "default": True}]}),
    "GET /v1/models/iris": ok({"name": "iris", "kind": "tabular", "columns": [{"name": "length", "kind": "number"}]}),
    "POST /v1/models/iris:predict": predict_iris,
}


class Server(ThreadingHTTPServer):
    """`url`: its base URL; `requests`: every Request it got; `routes`: what it answers, to be changed at will."""

    daemon_threads = True
    request_queue_size = 128  # connections of many tasks come at once

    def __init__(self, routes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes = dict(routes)
        self.requests = []
        self.over = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that went away is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body, self.client_address[1])
        self.server.requests.append(request)
        found = self.server.routes.get(f"{self.command} {self.path}", Answer(404, b"nothing here"))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(request)
        if found is DROP:
            self.close_connection = True
            return
        self.send_response(found.status)
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(found.content) if found.length is None else found.length))
        self.end_headers()
        self.wfile.write(found.content)
        self.close_connection = self.close_connection or found.close

    do_GET = do_POST = answer

    def log_message(self, *_):
        """Tests look at `requests`; nobody looks at a log."""


@contextlib.contextmanager
def answering(routes):
    """A running Server, until the block ends."""
    server = Server(routes)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
