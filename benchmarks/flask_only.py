"""Daylight with every request answered by Flask, for comparison with the short way before it."""

from service.app import create_app
from service.web.fast_path import ShortWay

app = create_app()


class FlaskOnly(ShortWay):
    @staticmethod
    def route(method, path, query):
        return None


app.wsgi_app = FlaskOnly(app.wsgi_app.flask, app.wsgi_app.predictor, app.wsgi_app.door)
