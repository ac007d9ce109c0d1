"""GET /metrics: what all workers of this server have counted, for Prometheus."""

from flask import Blueprint, Response

from ..observability.known import Known
from ..observability.memory import memory_of_server
from ..observability.metrics import CONTENT_TYPE
from ..store.remote.publishing import followed_at
from .context import predictor, services
from .views import view

__all__ = ["blueprint"]

blueprint = Blueprint("metrics", __name__)


@view(blueprint)
def metrics() -> Response:
    served, drift = predictor().serving(), services().drift
    reports = [drift.report(model) for model in served.values()] if drift else []
    memory = memory_of_server() if services().rollout else {}
    known = Known(
        served,
        predictor().refused,
        memory,
        [told for told in reports if told],
        followed_at(predictor().store.root),
    )
    return Response(services().meter.exposition(known), content_type=CONTENT_TYPE)
