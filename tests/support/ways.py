"""The two ways to an answer, each alone: through Flask, and by the fast path.

app = rewired(create_app(settings), OnlyFlask, settings)
"""

from flask.testing import FlaskClient

from service.web.middleware import Middleware

__all__ = ["OnlyFastPath", "OnlyFlask", "WholeClient", "rewired"]


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
