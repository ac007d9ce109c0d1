"""GET /metrics: what all workers of this server have counted, for Prometheus."""

from flask import Blueprint, Response, current_app

from ..observability.metrics import CONTENT_TYPE

__all__ = ["blueprint"]

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics():
    return Response(current_app.extensions["daylight.meter"].exposition(), content_type=CONTENT_TYPE)
