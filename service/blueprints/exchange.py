"""What every view needs: the predictor, the body of the request, and a JSON answer."""

from flask import Response, current_app, g, request

from service.wire.body import JSON, check_media_type, dump

__all__ = ["answer", "body", "predictor", "served"]


def predictor():
    return current_app.extensions["daylight"]


def body():
    """The request's bytes, whatever the method of framing. Raises UnsupportedMediaType."""
    check_media_type(request.content_type)
    return request.get_data(cache=False)


def served(model):
    """Note the model for the log line, and hand it on."""
    g.model = model.name
    return model


def answer(value, status=200, headers=None):
    return Response(dump(value), status, headers, mimetype=JSON)
