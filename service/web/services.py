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

<<<<<<< HEAD
    drift: None where the settings ask for none. direct: answers what a worker has read itself; None where all requests
    go through WSGI.
=======
    traces: None where spans go nowhere. direct: answers what a worker has read itself; None where all requests go
    through WSGI.
>>>>>>> 38999b7 (Spans of requests, their stages and completions for an OpenTelemetry collector: DAYLIGHT_TRACES)
    """

    predictor: Predictor
    rollout: Rollout | None
    meter: Meter
<<<<<<< HEAD
    drift: Drift | None = None
=======
    traces: Traces | None = None
>>>>>>> 38999b7 (Spans of requests, their stages and completions for an OpenTelemetry collector: DAYLIGHT_TRACES)
    direct: Direct | None = None
