"""A bare WSGI application that shows what a worker class does with requests, for tests/server."""

import os
import threading
from contextlib import suppress
from types import SimpleNamespace

from benchmarks.support.bare import bare_services

__all__ = ["app"]

BIG = 8 * 2**20  # bytes of /big, more than a socket takes at once


class Echo:
    """Answers POST /echo without WSGI, so that tests of framing go through both parsers."""

    status, usual = 200, True
    context = SimpleNamespace(seconds={}, id="echo", trace="")

    def __init__(self, body=b""):
        self.body = body

    @staticmethod
    def find(path):
        return "echo" if path == "/echo" else None

    @staticmethod
    def answers(asked):
        return [Echo(one.body) for one in asked]

    @staticmethod
    def fields():
        return [("Content-Type", "text/plain")]

    def close(self):
        pass


class App:
    def __init__(self):
        self.extensions = {"daylight": bare_services(direct=Echo())}

    def __call__(self, environ, start_response):
        name = environ["PATH_INFO"].strip("/").replace("/", "_")
        return getattr(self, name)(environ, start_response)

    @staticmethod
    def plain(start_response, body, status="200 OK"):
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def health_ready(self, _, start_response):
        return self.plain(start_response, b"ready")

    def echo(self, environ, start_response):
        return self.plain(start_response, environ["wsgi.input"].read())

    def unheeding(self, environ, start_response):
        """Answers well to a body that cannot be read."""
        with suppress(Exception):
            environ["wsgi.input"].read()
        return self.plain(start_response, b"unheeding")

    def unread(self, _, start_response):
        return self.plain(start_response, b"unread", "413 CONTENT TOO LARGE")

    def pid(self, _, start_response):
        return self.plain(start_response, str(os.getpid()).encode())

    def big(self, _, start_response):
        return self.plain(start_response, b"x" * BIG)

    def pieces(self, _, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"piece %d;" % number for number in range(3))

    def nothing(self, _, start_response):
        start_response("204 NO CONTENT", [])
        return []

    def fail(self, _, start_response):
        raise RuntimeError("the application raised")

    def fail_late(self, _, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        raise RuntimeError("the application raised late")

    def hang(self, _, start_response):
        threading.Event().wait()


app = App()
