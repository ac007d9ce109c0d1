"""The WSGI layer around Flask: the door that every request passes, and the short way for predictions.

    app.wsgi_app = ShortWay(app.wsgi_app, lambda: predictor, Door(settings))

Flask's dispatch costs several times what a compiled model does. The predict routes, where nothing about
the request is out of the ordinary, are answered here by the functions the blueprints call; all else goes on.
"""

import re
from http import HTTPStatus

from ..errors import ServiceError
from .handlers import answer_article, answer_mlflow, answer_v1, refusal, unforeseen
from .handlers_v2 import answer_v2

__all__ = ["ShortWay"]

# Model names have no colon; whatever else a path may hold is for Flask's routes to understand or refuse.
V1_PREDICT = re.compile(r"/v1/models/([A-Za-z0-9._-]+)(?:/versions/([A-Za-z0-9._-]+))?:predict")
V2_INFER = re.compile(r"/v2/models/([A-Za-z0-9._-]+)(?:/versions/([A-Za-z0-9._-]+))?/infer")
INVOCATIONS = re.compile(r"(?:/endpoints/([A-Za-z0-9._-]+))?/invocations")
STATUS = {one.value: f"{one.value} {one.phrase.upper()}" for one in HTTPStatus}


class ShortWay:
    """A WSGI application. `flask`: the one for everything else. `predictor`: a function that returns it."""

    def __init__(self, flask, predictor, door):
        self.flask = flask
        self.predictor = predictor
        self.door = door

    def __call__(self, environ, start_response):
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        exchange = self.door.open(environ, method, path)
        status, more = 200, {}
        try:
            if method == "OPTIONS" and self.door.preflight(exchange, method, environ):
                start_response(STATUS[204], exchange.headers())
                self.door.close(method, path, 204, exchange)
                return []
            self.door.check(exchange, path, environ)
            found = self.route(method, path, environ.get("QUERY_STRING"))
            if found is None:
                return self.onwards(environ, exchange, method, path, start_response)
            call, arguments, exchange.route = found
            body = call(self.predictor(), exchange, environ, *arguments)
        except ServiceError as error:
            status, more, body = refusal(error, exchange, path)
        except Exception:
            status, more, body = refusal(unforeseen(exchange, method, path), exchange, path)
        headers = [("Content-Type", exchange.media_type), ("Content-Length", str(len(body)))]
        headers += [*more.items(), *exchange.headers()]
        start_response(STATUS[status], headers)
        self.door.close(method, path, status, exchange)
        return [body]

    @staticmethod
    def route(method, path, query):
        """(function, its last arguments, the route's pattern) where the short way answers; None for Flask's."""
        if method != "POST":
            return None
        if path == "/predict":
            return None if query else (answer_article, (), path)  # /predict?text=... is the article's other form
        match = V1_PREDICT.fullmatch(path)
        if match is None and path.startswith("/v2/"):
            match = V2_INFER.fullmatch(path)
            version = "" if match is None or match[2] is None else "/versions/<version>"
            return match and (answer_v2, match.groups(), f"/v2/models/<name>{version}/infer")
        if match is None:
            match = INVOCATIONS.fullmatch(path)
            route = path if match is None or match[1] is None else "/endpoints/<name>/invocations"
            return match and (answer_mlflow, match.groups(), route)
        version = "" if match[2] is None else "/versions/<version>"
        return answer_v1, match.groups(), f"/v1/models/<name>{version}:predict"

    def onwards(self, environ, exchange, method, path, start_response):
        """Flask's answer, with the same headers, and the same line: at once, or at the end of a stream."""
        streamed = []

        def start(status, headers, exc_info=None):
            if any(name.lower() == "content-length" for name, _ in headers):
                self.door.close(method, path, int(status[:3]), exchange)
            else:
                streamed.append(int(status[:3]))
            return start_response(status, [*headers, *exchange.headers()], exc_info)

        pieces = self.flask(environ, start)
        return Stream(pieces, lambda: self.door.close(method, path, streamed[0], exchange)) if streamed else pieces


class Stream:
    """An answer whose end is told, however it ends: the server closes it in every case."""

    def __init__(self, pieces, ended):
        self.pieces, self.ended = pieces, ended

    def __iter__(self):
        return iter(self.pieces)

    def close(self):
        try:
            if hasattr(self.pieces, "close"):
                self.pieces.close()
        finally:
            self.ended()
