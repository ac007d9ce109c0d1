"""Requests that need no WSGI, and are whole in the same turn of a worker's loop: answered together, at its end.

native = NativeTurn(worker, direct)
native.add(connection)      # in the turn: its request is whole
native.answer()             # at the end of the turn
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .connection import Connection
from .native_answer import AnswerWriter

__all__ = ["SMALL_BODY", "NativeTurn"]

SMALL_BODY = 2**14  # bytes: a request with a larger one waits for nobody, and lets nobody wait


class NativeTurn:
    """worker: a KeepAliveWorker. direct: the application's web.direct.Direct; None where nothing is ever added."""

    def __init__(self, worker: Any, direct: Any) -> None:
        self.worker, self.direct = worker, direct
        self.writer = AnswerWriter()
        self.waiting: list[Connection] = []

    def add(self, connection: Connection) -> None:
        connection.answering = True
        self.waiting.append(connection)

    def answer(self) -> None:
        """Answer all that wait, and what their clients have sent behind it."""
        while self.waiting:
            connections, self.waiting = self.waiting, []
            self.answer_all(connections)
            for connection in connections:
                connection.answering = False
                self.worker.rest(connection)
                self.worker.advance(connection)

    def answer_all(self, connections: Sequence[Connection]) -> None:
        """Answer the NativeRequest of each."""
        try:
            answers = self.direct.answers([connection.take()[0] for connection in connections])
        except BaseException as error:  # SystemExit, too: it ends a worker whose master has run out of patience
            for connection in connections:
                self.worker.refuse(connection, error)
            if not isinstance(error, Exception):
                raise
            return
        for connection, answer in zip(connections, answers, strict=True):
            keep = self.worker.may_keep()
            try:
                self.writer.send(connection, answer, keep=keep)
                connection.last = not keep
            except Exception as error:
                self.worker.refuse(connection, error)
            finally:
                answer.close()
