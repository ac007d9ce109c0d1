"""MLflow's scoring server: /invocations, the same by name under /endpoints, and its probes."""

from flask import Blueprint, Response, request

from ..errors import ModelNotReady
from ..web.handlers import answer_mlflow
from ..wire import mlflow
from .context import answer, exchange, predictor
from .converters import plain_names

__all__ = ["blueprint"]

blueprint = Blueprint("mlflow", __name__)
blueprint.record_once(plain_names)

TEXT = "text/plain; charset=utf-8"


@blueprint.post("/invocations")
@blueprint.post("/endpoints/<plain:name>/invocations")
def invocations(name=None):
    return answer(answer_mlflow(predictor(), exchange(), request.environ, name))


@blueprint.get("/ping")
@blueprint.get("/health")
def ping():
    if predictor().failure is not None:
        raise ModelNotReady("not ready: the models are not loaded; the server's log says why")
    return Response("\n", content_type=TEXT)


@blueprint.get("/version")
def version():
    return Response(mlflow.VERSION, content_type=TEXT)
