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
        self.answer = None  # a future of (status, retry_after)

    def connection_made(self, transport):
        self.transport = transport

    def ask(self, request):
        self.received = b""
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data):
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.received[:end]
        length = LENGTH.search(head)
        if len(self.received) >= end + 4 + int(length[1] if length else 0):
            retry = RETRY.search(head)
            self.finish(int(head[9:12]), int(retry[1]) if retry else 0)
            if CLOSES.search(head):
                self.transport.close()
            else:
                self.free.append(self)

    def connection_lost(self, _):
        if self in self.free:
            self.free.remove(self)
        self.finish(0, 0)

    def finish(self, status, retry_after):
        if self.answer and not self.answer.done():
            self.answer.set_result((status, retry_after))


class Arrivals:
    """One run of several kinds of call against one server."""

    def __init__(self, host, port, calls, seconds, seed=0):
        self.host, self.port, self.calls, self.seconds = host, port, calls, seconds
        self.random = random.Random(seed)
        self.made, self.free = [], []
        self.found = {name: [] for name in calls}

    async def go(self):
        tasks = []
        began = perf_counter() + 0.05
        for due, name in self.schedule():
            wait = began + due - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            tasks.append(asyncio.create_task(self.one(name, began + due, due)))
        _, late = await asyncio.wait(tasks, timeout=PATIENCE)
        for task in late:
            task.cancel()
        for connection in self.made:
            connection.transport.abort()
        await asyncio.sleep(0)  # they are closed in the next turn of the loop
        return self.found, len(late)

    def schedule(self):
        moments = []
        for name, call in self.calls.items():
            due = 0.0
            while due < self.seconds:
                moments.append((due, name))
                due += 1 / call.rate if call.regular else self.random.expovariate(call.rate)
        return sorted(moments)

    async def one(self, name, moment, due):
        lag = perf_counter() - moment
        try:
            connection = self.free.pop() if self.free else await self.connect()
            status, retry_after = await connection.ask(self.calls[name].request)
        except OSError:
            status = retry_after = 0
        self.found[name].append(Answer(due, lag, perf_counter() - moment, status, retry_after))

    async def connect(self):
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(self.free), self.host, self.port)
        self.made.append(connection)
        return connection


def run(host, port, calls, seconds, seed=0):
    """({name: [Answer, ...]}, how many were never answered)."""
    gc.disable()  # a pause of the generator would look like one of the server
    try:
        return asyncio.run(Arrivals(host, port, calls, seconds, seed).go())
    finally:
        gc.enable()
