"""What every view needs: the predictor, this request's exchange, and a JSON answer."""

from flask import Response, current_app, request

from service.exchange import ENVIRON
from service.wire.body import JSON, dump

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
    """A JSON answer; `value` is any JSON-ready value, or bytes that are JSON already."""
    return Response(value if isinstance(value, bytes) else dump(value), status, headers, mimetype=JSON)
