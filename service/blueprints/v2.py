"""Open Inference Protocol routes: health, metadata, infer, the index of the repository."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..errors import ModelNotReady, RequestError
from ..web.handlers import read_request
from ..wire import Request, v2
from .context import answer, context, model_of, predictor
from .health import check_ready
from .views import predict_views, view

__all__ = ["blueprint"]

blueprint = Blueprint("v2", __name__)
predict_views(blueprint)


@view(blueprint)
def server() -> Response:
    return answer(v2.server())


@view(blueprint)
def live() -> Response:
    return answer({"live": True})


@view(blueprint)
def ready() -> Response:
    check_ready()
    return answer({"live": True, "ready": True})


@view(blueprint)
def metadata(name: str, version: str | None = None) -> Response:
    return answer(v2.metadata(predictor().entry(model_of(name, version))))


@view(blueprint)
def model_ready(name: str, version: str | None = None) -> Response:
    if model_of(name, version).failure is not None:
        raise ModelNotReady(f"{name} can serve no more; the server's log says why")
    return answer({"name": name, "ready": True})


@view(blueprint)
def index() -> Response:
    ready_only = asks_for_ready_models(read_request(request.environ, context(), predictor().settings))
    entries = predictor().catalogue()
    served = {entry["name"] for entry in entries}
    others = {name: why_not_served(name) for name in predictor().store.models() if name not in served}
    return answer(v2.index(entries, others, ready_only=ready_only))


def why_not_served(name: str) -> str:
    refused = predictor().refused.get(name)
    return "version {version} is refused: {reason}".format(**refused) if refused else "it is not loaded"


def asks_for_ready_models(asked: Request) -> bool:
    """Whether the body, which may be empty, asks for models that are ready alone. Raises RequestError."""
    value = asked.json if asked.content.strip() else {}
    if not isinstance(value, dict) or value.keys() - {"ready"} or not isinstance(value.get("ready", False), bool):
        raise RequestError('the request is not of the V2 form: expected {} or {"ready": true}')
    return value.get("ready", False)
