"""What every view needs: the predictor, this request's exchange, and a JSON answer."""

from flask import Response, current_app, request

from ..web.context import ENVIRON
from ..wire.json_body import dump

__all__ = ["answer", "exchange", "predictor", "served"]


def predictor():
    return current_app.extensions["daylight"]


def exchange():
    return request.environ[ENVIRON]


def served(model):
    """Note the model for the log line, and hand it on."""
    exchange().model = model.name
    return model


def answer(value, status=200, headers=None):
    """An answer: any JSON-ready value, or bytes of the exchange's media type."""
    body = value if isinstance(value, bytes) else dump(value)
    return Response(body, status, headers, content_type=exchange().media_type)
