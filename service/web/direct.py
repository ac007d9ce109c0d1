"""Requests that a worker has read itself, answered without WSGI: the fast path with neither environ nor start_response.

    direct = Direct(middleware)
    route = direct.find("/v1/models/tumour:predict")            # None: the path is for WSGI
    (answer,) = direct.answers([request])                       # a server.connection.NativeRequest
    answer.status, answer.fields(), answer.body                 # 200, [("X-Request-ID", "..."), ...], b"{...}"
    answer.close()                                              # it has been sent: log it, and count it

Several requests are answered together: those that may, share one call of their model.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Protocol

from ..wire.json_body import JSON
from .context import RequestContext
from .handlers import run
from .middleware import Answer, Match, Middleware

__all__ = ["Direct", "DirectAnswer", "DirectRequest"]


class Head(Protocol):
    """route: what `find` gave for its path. environ: WSGI's keys of the head, of which nothing is changed."""

    @property
    def route(self) -> Match: ...
    @property
    def path(self) -> str: ...
    @property
    def environ(self) -> dict[str, Any]: ...


class DirectRequest(Protocol):
    """body: all of it, still compressed. sock: the client's connection, or None."""

    @property
    def head(self) -> Head: ...
    @property
    def body(self) -> bytes: ...
    @property
    def sock(self) -> Any: ...


class DirectAnswer:
    """status. headers: those beside the context's. body: bytes, or an iterable of them. context: the request's."""

    __slots__ = ("body", "context", "headers", "middleware", "path", "status")

    def __init__(self, middleware: Middleware, path: str, context: RequestContext, answer: Answer) -> None:
        self.middleware, self.path, self.context = middleware, path, context
        self.status, self.headers, self.body = answer

    @property
    def usual(self) -> bool:
        """Whether it is a 200 of JSON whose only further headers are those that every answer has."""
        context = self.context
        return self.status == 200 and context.media_type == JSON and not context.more and type(self.body) is bytes

    def fields(self) -> list[tuple[str, str]]:
        """All headers but those of the connection and of the body's length."""
        return [("Content-Type", self.context.media_type), *self.headers.items(), *self.context.headers()]

    def close(self) -> None:
        """It has been sent, or the client has gone. To be called once."""
        try:
            if hasattr(self.body, "close"):
                self.body.close()
        finally:
            self.middleware.close(self.context, "POST", self.path, self.status)


class Begun:
    """A request on its way: checked and decoded. answer: None, or what it got before its model was asked."""

    __slots__ = ("answer", "call", "context", "middleware", "model", "path", "steps")

    def __init__(self, middleware: Middleware, asked: DirectRequest) -> None:
        head = asked.head
        self.middleware, self.path = middleware, head.path
        self.context = context = middleware.open(head.environ, asked.sock)
        context.body = asked.body
        self.answer: Answer | None = None
        try:
            self.steps = middleware.begin(head.route, context, head.environ)
            self.model, self.call = next(self.steps)
        except StopIteration as ended:  # a stream: its model is at work already
            self.answer = 200, {}, ended.value
        except Exception as error:
            self.answer = middleware.failed(error, context, "POST", self.path)

    @property
    def key(self) -> Any:
        """Equal for requests that may share a call; None for one that may not."""
        if self.answer is not None or self.context.deadline is not None:
            return None
        return self.model.shared_by(self.call)

    def finish(self, answer: Any = None) -> DirectAnswer:
        """answer: the model's, where it has answered already."""
        middleware, context = self.middleware, self.context
        if self.answer is None:
            try:
                self.steps.send(answer or run(middleware.services.predictor, self.model, self.call, context))
            except StopIteration as ended:
                self.answer = 200, {}, ended.value
            except Exception as error:
                self.answer = middleware.failed(error, context, "POST", self.path)
        assert self.answer is not None  # a handler stops once
        return DirectAnswer(middleware, self.path, context, self.answer)


class Direct:
    """What a worker's native requests need of the application."""

    def __init__(self, middleware: Middleware) -> None:
        self.middleware = middleware

    def find(self, path: str) -> Match | None:
        """The route of a POST to this path, where it can be answered here."""
        return self.middleware.route("POST", path)

    def answers(self, asked: Sequence[DirectRequest]) -> list[DirectAnswer]:
        """The answers in the order of the requests; some may be errors."""
        begun = [Begun(self.middleware, one) for one in asked]
        if len(begun) == 1:
            return [begun[0].finish()]
        groups: dict[Any, list[Begun]] = {}
        for one in begun:
            if (key := one.key) is not None:
                groups.setdefault((one.model, key), []).append(one)
        shared: dict[int, Any] = {}
        for group in groups.values():
            if len(group) > 1:
                shared.update(self.share(group))
        return [one.finish(shared.get(id(one))) for one in begun]

    def share(self, group: list[Begun]) -> dict[int, Any]:
        """{id of one of the group: its model's answer}; empty where they have to be answered one by one."""
        model, now = group[0].model, perf_counter()
        answers = self.middleware.services.predictor.run_together(model, [one.call for one in group])
        for one, answer in zip(group, answers, strict=False):
            answer.seconds["queue"] = one.context.waited(now)
        return {id(one): answer for one, answer in zip(group, answers, strict=False)}
