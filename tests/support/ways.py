"""The ways to an answer, each alone: through Flask, by the fast path, and by the fast path without WSGI.

app = rewired(create_app(settings), OnlyFlask, settings)
"""

from types import SimpleNamespace

from flask.testing import FlaskClient
from gunicorn.config import Config
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from service.server.connection import NativeRequest
from service.server.native_answer import AnswerWriter
from service.server.native_head import NativeHeads
from service.web.direct import Direct
from service.web.middleware import Middleware

__all__ = ["NativeClient", "OnlyFastPath", "OnlyFlask", "WholeClient", "rewired"]


class WholeClient(FlaskClient):
    """A test client that reads each answer to its end and closes it, as a server does: only then it is logged."""

    def open(self, *arguments, **options):
        return super().open(*arguments, **{"buffered": True, **options})


class OnlyFlask(Middleware):
    @staticmethod
    def route(method, path):
        return None


class OnlyFastPath(Middleware):
    def through_flask(self, environ, start_response, context, method, path):
        raise AssertionError(f"{method} {path} went to Flask")


def rewired(app, middleware, settings):
    """The application behind another middleware."""
    app.wsgi_app = middleware(app.wsgi_app.flask, app.wsgi_app.services, settings)
    app.test_client_class = WholeClient
    return app


class NativeClient:
    """Posts as the workers' native requests are answered: the bytes of a head, a body, the bytes of an answer."""

    def __init__(self, app):
        self.direct = Direct(app.wsgi_app)
        self.heads = NativeHeads(Config(), self.direct.find)

    def post(self, path, **request):
        """The answer as werkzeug's Response; LookupError where the head is for gunicorn."""
        return self.post_together([(path, request)])[0]

    def post_together(self, requests):
        """The answers to [(path, what werkzeug's client takes)], all of which are there at the same time."""
        asked = [self.request(path, **request) for path, request in requests]
        return [self.response(answer) for answer in self.direct.answers(asked)]

    def request(self, path, **request):
        builder = EnvironBuilder(path, method="POST", **request)
        body = builder.get_request().get_data()
        fields = dict(builder.headers) | {"Host": builder.host, "Content-Length": str(len(body))}
        if builder.content_type:
            fields["Content-Type"] = builder.content_type
        lines = [f"POST {builder.request_uri} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        head = self.heads.read("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"))
        if head is None:
            raise LookupError(path)
        return NativeRequest(head, body, None)

    @staticmethod
    def response(answer):
        sent = []
        AnswerWriter().send(SimpleNamespace(sendall=sent.append), answer, keep=True)
        answer.close()
        head, _, body = b"".join(sent).partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        return Response(body, first.partition(" ")[2], [line.split(": ", 1) for line in lines])
