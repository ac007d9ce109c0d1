"""Requests that a worker has read itself, answered without WSGI: the fast path with neither environ nor start_response.

direct = Direct(middleware)
route = direct.find("/v1/models/tumour:predict")        # None: the path is for WSGI
answer = direct.answer(route, path, environ, body, socket)
answer.status, answer.fields(), answer.body             # 200, [("X-Request-ID", "..."), ...], b"{...}"
answer.close()                                          # it has been sent: log it, and count it
"""

from __future__ import annotations

from typing import Any

from ..wire.json_body import JSON
from .context import RequestContext
from .middleware import Match, Middleware

__all__ = ["Direct", "DirectAnswer"]


class DirectAnswer:
    """status. headers: those beside the context's. body: bytes, or an iterable of them. context: the request's."""

    __slots__ = ("body", "context", "headers", "middleware", "path", "status")

    def __init__(
        self, middleware: Middleware, path: str, context: RequestContext, answer: tuple[int, dict[str, str], Any]
    ) -> None:
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


class Direct:
    """What a worker's native requests need of the application."""

    def __init__(self, middleware: Middleware) -> None:
        self.middleware = middleware

    def find(self, path: str) -> Match | None:
        """The route of a POST to this path, where it can be answered here."""
        return self.middleware.route("POST", path)

    def answer(self, route: Match, path: str, environ: dict[str, Any], body: bytes, socket: Any) -> DirectAnswer:
        """The answer, which may be an error's.

        environ: WSGI's keys of the head, of which nothing is changed. body: all of it, still compressed.
        """
        middleware = self.middleware
        context = middleware.open(environ, socket)
        context.body = body
        return DirectAnswer(middleware, path, context, middleware.answer(route, context, environ, path))
