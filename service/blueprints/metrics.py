"""GET /metrics: what all workers of this server have counted, for Prometheus."""

from flask import Blueprint, Response

from ..observability.metrics import CONTENT_TYPE
from .context import predictor, services
from .views import view

__all__ = ["blueprint"]

blueprint = Blueprint("metrics", __name__)


@view(blueprint)
def metrics() -> Response:
    return Response(services().meter.exposition(predictor().refused), content_type=CONTENT_TYPE)
