"""Open arrivals: requests that come when they come, however slow the answers are.

    found, lost = run(host, port, {"predict": Call(post("/predict", body), 200.0)}, seconds=10)
    found["predict"]        # [Answer(due, lag, seconds, status, retry_after), ...]

A closed loop of N clients slows down with the server and so never overloads it. Here each kind of call has a Poisson
schedule of its own, and time counts from the moment a request was due, not from when it could be sent: what the
generator itself is late is part of the latency, and told apart as `lag`, so that a reader can tell whether to
believe the rest. Connections are kept, and as many as it takes.
"""

import asyncio
import gc
import random
import re
import resource
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

__all__ = ["Answer", "Call", "post", "run"]

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
PATIENCE = 20.0  # seconds after the last request was sent; what is unanswered then has failed


class Answer(NamedTuple):
    """due, lag, seconds: in seconds. status: 0 where the connection broke or nothing came."""

    due: float
    lag: float
    seconds: float
    status: int
    retry_after: int


@dataclass(frozen=True)
class Call:
    """request: the bytes to send. rate: requests a second, on average; regular: at even intervals instead."""

    request: bytes
    rate: float
    regular: bool = False


def post(path, body, host="localhost", method="POST"):
    """A request as bytes."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One kept connection with at most one request on it. `free`: where it waits for the next."""

    def __init__(self, free):
        self.free = free
        self.told = None  # who waits for the answer

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, request, told):
        """told(status, retry_after): called once, with zeros where the connection breaks."""
        self.received, self.told = b"", told
        self.transport.write(request)

    def data_received(self, data):
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.received[:end]
        length = LENGTH.search(head)
        if len(self.received) >= end + 4 + int(length[1] if length else 0):
            retry = RETRY.search(head)
            if CLOSES.search(head):
                self.transport.close()
            else:
                self.free.append(self)
            self.finish(int(head[9:12]), int(retry[1]) if retry else 0)

    def connection_lost(self, _):
        if self in self.free:
            self.free.remove(self)
        self.finish(0, 0)

    def finish(self, status, retry_after):
        told, self.told = self.told, None
        if told is not None:
            told(status, retry_after)


class Arrivals:
    """One run of several kinds of call against one server.

    A request is a callback, and no task of its own: what the generator takes of the processors, the server lacks.
    """

    def __init__(self, host, port, calls, seconds, seed=0):
        self.host, self.port, self.calls, self.seconds = host, port, calls, seconds
        self.random = random.Random(seed)
        self.made, self.free, self.connecting = [], [], set()
        self.found = {name: [] for name in calls}
        self.open = 0  # requests without an answer

    async def go(self):
        began = perf_counter() + 0.05
        for due, name in self.schedule():
            wait = began + due - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            self.send(name, began + due, due)
        ends = perf_counter() + PATIENCE
        while self.open and perf_counter() < ends:
            await asyncio.sleep(0.01)
        lost = self.open
        for task in self.connecting:
            task.cancel()
        for connection in self.made:
            connection.told = None
            connection.transport.abort()
        await asyncio.sleep(0)  # they are closed in the next turn of the loop
        return self.found, lost

    def schedule(self):
        moments = []
        for name, call in self.calls.items():
            due = 0.0
            while due < self.seconds:
                moments.append((due, name))
                due += 1 / call.rate if call.regular else self.random.expovariate(call.rate)
        return sorted(moments)

    def send(self, name, moment, due):
        lag = perf_counter() - moment
        self.open += 1

        def told(status, retry_after):
            self.open -= 1
            self.found[name].append(Answer(due, lag, perf_counter() - moment, status, retry_after))

        request = self.calls[name].request
        if self.free:
            self.free.pop().ask(request, told)
        else:
            task = asyncio.create_task(self.connect(request, told))
            self.connecting.add(task)
            task.add_done_callback(self.connecting.discard)

    async def connect(self, request, told):
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self.free), self.host, self.port)
        except OSError:
            told(0, 0)
        else:
            self.made.append(connection)
            connection.ask(request, told)


def run(host, port, calls, seconds, seed=0):
    """({name: [Answer, ...]}, how many were never answered)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # as many connections as it takes
    gc.disable()  # a pause of the generator would look like one of the server
    try:
        return asyncio.run(Arrivals(host, port, calls, seconds, seed).go())
    finally:
        gc.enable()
