"""What every view needs: the services, this request's context, and a JSON answer."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, request

from ..models.base import Model
from ..predictor import Predictor
from ..web.context import ENVIRON, RequestContext
from ..web.services import EXTENSION, Services
from ..wire.json_body import dump

__all__ = ["answer", "context", "model_of", "predictor", "services"]


def services() -> Services:
    return current_app.extensions[EXTENSION]


def predictor() -> Predictor:
    return services().predictor


def context() -> RequestContext:
    return request.environ[ENVIRON]


def model_of(name: str, version: str | None = None) -> Model:
    """The model of this request, noted for the log line. Raises ModelNotFound or ModelNotReady."""
    model = predictor().find(name, version)
    context().model = model.name
    return model


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response: any JSON-ready value, or bytes of the context's media type."""
    body = value if isinstance(value, bytes) else dump(value)
    return Response(body, status, headers, content_type=context().media_type)
