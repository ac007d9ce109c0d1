"""Ollama's routes: chats and questions, whole or streamed; and what it tells of models and of itself."""

from flask import Blueprint, Response, request

from ..capabilities import GENERATE_TEXT
from ..web.handlers import read_request
from ..wire.ollama import models
from .context import answer, context, model_of, predictor
from .views import predict_views, view

__all__ = ["blueprint"]

blueprint = Blueprint("ollama", __name__)
predict_views(blueprint)


@view(blueprint)
def tags() -> Response:
    served = [model for model in predictor().serving().values() if GENERATE_TEXT in model.capabilities]
    return answer(models.tags((model.describe(), model.manifest.files) for model in served))


@view(blueprint)
def show() -> Response:
    name = models.asked_for(read_request(request.environ, context(), predictor().settings))
    return answer(models.show(model_of(name).describe()))


@view(blueprint)
def version() -> Response:
    return answer({"version": models.VERSION})
