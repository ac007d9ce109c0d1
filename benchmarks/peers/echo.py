"""Daylight's own worker with nothing behind it: the request's body as the answer, without WSGI.

gunicorn --config gunicorn.conf.py benchmarks.peers.echo:app
"""

from types import SimpleNamespace

from benchmarks.support.bare import bare_services

PATH = "/predict"


class Echo:
    """Answers POSTs to PATH as service.web.direct.Direct does."""

    def find(self, path):
        return path if path == PATH else None

    def answers(self, requests):
        return [Answer(request.body) for request in requests]


class Answer:
    status = 200
    usual = False

    def __init__(self, body):
        self.body = body
        self.context = SimpleNamespace(id="", seconds={})

    def fields(self):
        return [("Content-Type", "application/json")]

    def close(self):
        pass


def app(environ, start_response):
    """What is no POST to PATH."""
    start_response("404 Not Found", [("Content-Length", "0")])
    return []


app.extensions = {"daylight": bare_services(direct=Echo())}
