"""Liveness touches no model and no lock; readiness speaks for all workers of the server, whichever of them is asked."""

from flask import Blueprint, current_app

from ..errors import Draining, ModelNotReady
from .context import answer, predictor

__all__ = ["blueprint", "check_ready"]

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
def live():
    return answer({"status": "live"})


@blueprint.get("/ready")
def ready():
    """200, or 503 that names in `details` every worker that is not ready, and why."""
    check_ready()
    return answer({"status": "ready"})


def check_ready():
    """Raise ModelNotReady or Draining unless every worker is ready, whatever dialect asks."""
    swap = current_app.extensions["daylight.swap"]
    if swap is not None:
        faults = swap.unready()
    else:
        why = predictor().why_not
        faults = [{"state": "failed", "why": why}] if why else []
    if not faults:
        return
    told = "; ".join(sorted({one["why"] or one["state"] for one in faults}))
    kind = Draining if all(one["state"] == "draining" for one in faults) else ModelNotReady
    raise kind(f"not ready: {told}", details=faults)
