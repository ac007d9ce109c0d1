"""Request middleware: a WSGI application around Flask's that every request passes.

    app.wsgi_app = Middleware(app.wsgi_app, services, settings)

It makes the request's context, sets the deadline, checks access, and writes the access log and the metrics when the
answer has been sent. The fast path is here as well: Flask's dispatch costs several times what a compiled model does,
so the predict routes are answered by their handlers directly; all other requests go on to Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import ServiceError
from ..observability import access_log
from ..settings import Settings
from .access.cors import Cors
from .access.policy import Scope, policy_of
from .context import ENVIRON, STATUS, RequestContext
from .error_response import error_response, internal_error
from .handlers import Steps, finish
from .routes import QUIET, Route, dialect_of, fast_route, scope_of
from .services import Services
from .trace import continued

__all__ = ["Answer", "Match", "Middleware"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Match = tuple[Route, tuple[str, ...]]
Answer = tuple[int, dict[str, str], Any]


class Middleware:
    """The WSGI application of one worker.

    flask: the application for everything but the fast path. Raises BadSetting where the file of API keys cannot be
    read.
    """

    def __init__(self, flask: Callable[..., Iterable[bytes]], services: Services, settings: Settings) -> None:
        self.flask = flask
        self.services = services
        self.policy = policy_of(settings)
        self.cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self.timeout = settings.request_timeout
        self.meter, self.traces = services.meter, services.traces

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        context = environ[ENVIRON] = self.open(environ, environ.get("gunicorn.socket"))
        if self.cors and (preflight := self.cors.preflight(method, environ)) is not None:
            context.more = preflight
            start_response(STATUS[204], context.headers())
            return Sent((), context, self, method, path, 204)
        match = self.route(method, path)
        if match is None:
            try:
                self.check(context, scope_of(path), environ)
                return self.through_flask(environ, start_response, context, method, path)
            except Exception as error:
                status, headers, body = self.failed(error, context, method, path)
        else:
            status, headers, body = self.answer(match, context, environ, path)
        start_response(
            STATUS[status],
            [
                ("Content-Type", context.media_type),
                ("Content-Length", str(len(body))),
                *headers.items(),
                *context.headers(),
            ],
        )
        return Sent((body,), context, self, method, path, status)

    def answer(self, match: Match, context: RequestContext, environ: Environ, path: str) -> Answer:
        """The fast path: (status, {header: value} beside those of the context, body)."""
        try:
            return 200, {}, finish(self.begin(match, context, environ), self.services.predictor, context)
        except Exception as error:
            return self.failed(error, context, "POST", path)

    def begin(self, match: Match, context: RequestContext, environ: Environ) -> Steps:
        """Check a request of the fast path: the steps of its handler. Raises as `check`."""
        route, arguments = match
        self.check(context, route.scope, environ)
        context.route = route.label
        return route.handler(route.dialect, self.services.predictor, context, environ, *arguments)

    @staticmethod
    def failed(error: Exception, context: RequestContext, method: str, path: str) -> Answer:
        """The answer where an error was raised; called while it is handled."""
        if not isinstance(error, ServiceError):
            error = internal_error(context, method, path)
        return error_response(error, context, dialect_of(method, path))

    def open(self, environ: Environ, socket: Any) -> RequestContext:
        """The context of a request, which counts as in flight. socket: the client's connection, or None."""
        context = RequestContext(environ.get("HTTP_X_REQUEST_ID"))
        context.socket = socket
        if "HTTP_TRACEPARENT" in environ:
            context.trace, context.parent = continued(environ["HTTP_TRACEPARENT"])
        if self.traces is not None and not context.trace:
            context.trace = self.traces.begun()
        self.meter.began()
        if self.cors and "HTTP_ORIGIN" in environ:
            context.more = self.cors.headers(environ["HTTP_ORIGIN"])
        return context

    @staticmethod
    def route(method: str, path: str) -> Match | None:
        """(route, arguments) where the fast path answers; None for Flask."""
        return fast_route(path) if method == "POST" else None

    def check(self, context: RequestContext, scope: Scope, environ: Environ) -> None:
        """Set the deadline and check access. Raises Unauthorized, Forbidden, RateLimited, or RequestError."""
        header = environ.get("HTTP_X_REQUEST_TIMEOUT")
        if header is not None:
            context.set_timeout(header)
        elif self.timeout:
            context.limit_timeout(self.timeout)
        self.policy.check(context, scope, environ)

    def through_flask(
        self, environ: Environ, start_response: StartResponse, context: RequestContext, method: str, path: str
    ) -> Iterable[bytes]:
        """Flask's answer, with the headers that every answer has."""
        sent = Sent((), context, self, method, path, 500)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            sent.status = int(status[:3])
            present = {name.lower() for name, _ in headers}
            return start_response(status, [*headers, *context.headers(present)], exc_info)

        sent.pieces = self.flask(environ, start)
        return sent

    def close(self, context: RequestContext, method: str, path: str, status: int) -> None:
        """The answer has been sent: write the log line, and count it."""
        access_log.line(method, path, status, context, quiet=context.route in QUIET)
        self.meter.ended(method, status, context)
        if self.traces is not None:
            self.traces.ended(method, status, context)


class Sent:
    """The body of an answer, which tells the middleware when it has been sent, so that latency includes sending.

    A WSGI server asks for the next piece when it has sent one, and calls close() however an answer ends.
    """

    __slots__ = ("closed", "context", "method", "middleware", "path", "pieces", "status")

    def __init__(
        self,
        pieces: Iterable[bytes],
        context: RequestContext,
        middleware: Middleware,
        method: str,
        path: str,
        status: int,
    ) -> None:
        self.pieces, self.context, self.middleware = pieces, context, middleware
        self.method, self.path, self.status = method, path, status
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        """The answer has ended: it was sent, or the connection broke. Only the first call counts."""
        if self.closed:
            return
        self.closed = True
        try:
            if hasattr(self.pieces, "close"):
                self.pieces.close()
        finally:
            self.middleware.close(self.context, self.method, self.path, self.status)
