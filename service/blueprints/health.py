"""Liveness touches no model and no lock; readiness speaks for all workers of the server, whichever of them answers."""

from flask import Blueprint, Response

from ..errors import Draining, ModelNotReady
from .context import answer, predictor, services
from .views import view

__all__ = ["blueprint", "check_ready"]

blueprint = Blueprint("health", __name__)


@view(blueprint)
def live() -> Response:
    return answer({"status": "live"})


@view(blueprint)
def ready() -> Response:
    """200, naming what was refused while the other models are served; or 503 that names every worker not ready."""
    check_ready()
    refused = predictor().refused
    return answer({"status": "ready", **({"refused": refused} if refused else {})})


def check_ready() -> None:
    """Raise ModelNotReady or Draining unless every worker is ready, in whatever dialect the probe asks."""
    rollout = services().rollout
    if rollout is not None:
        unready = rollout.unready()
    else:
        reason = predictor().why_not
        unready = [{"state": "failed", "why": reason}] if reason else []
    if not unready:
        return
    reasons = "; ".join(sorted({worker["why"] or worker["state"] for worker in unready}))
    error = Draining if all(worker["state"] == "draining" for worker in unready) else ModelNotReady
    raise error(f"not ready: {reasons}", details=unready)
