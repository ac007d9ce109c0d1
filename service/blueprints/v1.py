"""KServe V1 / TensorFlow Serving routes: the native dialect."""

from __future__ import annotations

from flask import Blueprint, Response

from ..wire import v1
from ..wire.v1.json_schema import request_schema
from ..wire.v1.metadata import signature
from .context import answer, model_of, predictor
from .views import predict_views, view

__all__ = ["blueprint"]

blueprint = Blueprint("v1", __name__)
predict_views(blueprint)


@view(blueprint)
def list_models() -> Response:
    return answer(v1.list_models(predictor().catalogue(), predictor().refused))


@view(blueprint)
def describe(name: str, version: str | None = None) -> Response:
    return answer(v1.describe(predictor().entry(model_of(name, version))))


@view(blueprint)
def schema(name: str, version: str | None = None) -> Response:
    return answer(request_schema(predictor().entry(model_of(name, version))))


@view(blueprint)
def metadata(name: str, version: str | None = None) -> Response:
    return answer(signature(predictor().entry(model_of(name, version))))
