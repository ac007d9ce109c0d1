"""A gunicorn worker for models that take long: threads answer the requests that one more thread has collected.

    WORKER_CLASS=gthread gunicorn --config gunicorn.conf.py     # this class, in place of gunicorn's own of that name

gunicorn's gthread gives a connection to a thread as soon as its first bytes have arrived, and the thread then waits for
the rest: as many bodies that never come as there are threads, and nobody else is answered. Here a thread gets whole
requests, and never waits for a client that is slow to read.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .connection import Connection
from .keepalive_worker import KeepAliveWorker
from .poller import READ

__all__ = ["ThreadedWorker"]


class ThreadedWorker(KeepAliveWorker):
    """`threads` requests at once; the worker's main thread receives, sends what is left, and keeps the heartbeat."""

    multithread = True

    def run(self) -> None:
        self.pool = ThreadPoolExecutor(self.cfg.threads, thread_name_prefix="daylight-request")
        self.answered: deque[Connection] = deque()
        try:
            super().run()
        finally:
            self.pool.shutdown(wait=False)

    def handle_quit(self, sig: int, frame: Any) -> None:
        self.pool.shutdown(wait=False)
        super().handle_quit(sig, frame)

    def take(self, connection: Connection) -> bool:
        self.poller.forget(connection.sock)
        connection.waits_for = 0
        connection.answering, connection.deadline = True, math.inf
        self.pool.submit(self.answer_in_thread, connection)
        return False

    def answer_in_thread(self, connection: Connection) -> None:
        try:
            self.answer(connection)
        finally:
            self.answered.append(connection)
            with contextlib.suppress(BlockingIOError):  # the pipe is full: the main thread has enough to wake up for
                os.write(self.PIPE[1], b".")

    def wake_up(self) -> None:
        super().wake_up()
        while self.answered:
            connection = self.answered.popleft()
            connection.answering = False
            self.rest(connection)
            self.wait_for(connection, READ, self.receive)
            self.advance(connection)
