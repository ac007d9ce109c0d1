"""MLflow's scoring server: /invocations, the same by name under /endpoints, and its probes."""

from flask import Blueprint, Response

from ..errors import ModelNotReady
from ..wire import mlflow
from .context import predictor
from .views import predict_views, view

__all__ = ["blueprint"]

blueprint = Blueprint("mlflow", __name__)
predict_views(blueprint)

TEXT = "text/plain; charset=utf-8"


@view(blueprint)
def ping() -> Response:
    if predictor().failure is not None:
        raise ModelNotReady("not ready: the models are not loaded; the server's log says why")
    return Response("\n", content_type=TEXT)


@view(blueprint)
def version() -> Response:
    return Response(mlflow.VERSION, content_type=TEXT)
