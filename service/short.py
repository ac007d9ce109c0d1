"""The WSGI layer around Flask: every request's id and log line, and the short way for predictions.

    app.wsgi_app = ShortWay(app.wsgi_app, lambda: predictor)

Flask's dispatch costs several times what a compiled model does. The predict routes, where nothing about
the request is out of the ordinary, are answered here by the functions the blueprints call; all else goes on.
"""

import re
from http import HTTPStatus

from service import logs
from service.answers import answer_article, answer_v1, refusal, unforeseen
from service.errors import ServiceError
from service.exchange import ENVIRON, Exchange
from service.wire.body import JSON

__all__ = ["ShortWay"]

# Model names have no colon; whatever else a path may hold is for Flask's routes to understand or refuse.
V1_PREDICT = re.compile(r"/v1/models/([A-Za-z0-9._-]+)(?:/versions/([A-Za-z0-9._-]+))?:predict")
STATUS = {one.value: f"{one.value} {one.phrase.upper()}" for one in HTTPStatus}


class ShortWay:
    """A WSGI application. `flask`: the one for everything else. `predictor`: a function that returns it."""

    def __init__(self, flask, predictor):
        self.flask = flask
        self.predictor = predictor

    def __call__(self, environ, start_response):
        exchange = environ[ENVIRON] = Exchange(environ.get("HTTP_X_REQUEST_ID"))
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        found = self.route(method, path, environ.get("QUERY_STRING"))
        if found is None:
            return self.flask(environ, self.finishing(exchange, method, path, start_response))
        call, arguments = found
        status, more = 200, {}
        try:
            body = call(self.predictor(), exchange, environ, *arguments)
        except ServiceError as error:
            status, more, body = refusal(error, exchange, path)
        except Exception:
            status, more, body = refusal(unforeseen(exchange, method, path), exchange, path)
        headers = [("Content-Type", JSON), ("Content-Length", str(len(body))), *more.items(), *exchange.headers()]
        start_response(STATUS[status], headers)
        logs.line(method, path, status, exchange)
        return [body]

    @staticmethod
    def route(method, path, query):
        """(function, its last arguments) for a request that the short way answers; None for Flask's."""
        if method != "POST":
            return None
        if path == "/predict":
            return None if query else (answer_article, ())  # /predict?text=... is the article's other form
        match = V1_PREDICT.fullmatch(path)
        return match and (answer_v1, match.groups())

    @staticmethod
    def finishing(exchange, method, path, start_response):
        """start_response for Flask's answers: the same two headers and the same line."""

        def start(status, headers, exc_info=None):
            logs.line(method, path, int(status[:3]), exchange)
            return start_response(status, [*headers, *exchange.headers()], exc_info)

        return start
