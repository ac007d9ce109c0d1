"""Liveness touches no model and no lock; readiness says whether every model is loaded and proven."""

from flask import Blueprint

from service.blueprints.exchange import answer, predictor
from service.errors import ModelNotReady

__all__ = ["blueprint"]

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live():
    return answer({"status": "live"})


@blueprint.get("/ready")
def ready():
    failure = predictor().failure
    if failure is not None:
        raise ModelNotReady("not ready: the models are not loaded; the server's log says why")
    return answer({"status": "ready"})
