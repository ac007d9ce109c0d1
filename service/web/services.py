"""What one worker's application consists of, for its views and gunicorn's hooks: one object instead of globals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..observability.drift.observer import Drift
    from ..observability.metrics import Meter
    from ..observability.traces import Traces
    from ..predictor import Predictor
    from ..server.lifecycle.rollout import Rollout
    from .direct import Direct

__all__ = ["EXTENSION", "Services"]

EXTENSION = "daylight"  # its name in `app.extensions`


@dataclass
class Services:
    """rollout: None where the process is no worker of a server that shares a run folder.

    drift: None where the settings ask for none. traces: None where spans go nowhere. direct: answers what a worker has
    read itself; None where all requests go through WSGI.
    """

    predictor: Predictor
    rollout: Rollout | None
    meter: Meter
    drift: Drift | None = None
    traces: Traces | None = None
    direct: Direct | None = None
