"""The one place where everything is put together.

app = create_app()                                  # as wsgi.py does
app = create_app(Settings(store=tmp_path))          # as the tests do
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from flask import Flask

from .blueprints import BLUEPRINTS, error_handlers, locked_page
from .errors import StartupError
from .observability import access_log
from .observability.drift.observer import DRIFT_FOLDER, Drift
from .observability.metrics import Meter
from .observability.prediction_log.log import PredictionLog
from .predictor import Predictor
from .server.lifecycle.rollout import Rollout
from .server.lifecycle.shadows import Shadows
from .server.lifecycle.worker_registry import WorkerRegistry
from .settings import Settings
from .web.direct import Direct
from .web.middleware import Middleware
from .web.services import EXTENSION, Services

if TYPE_CHECKING:
    from .observability.traces import Traces

__all__ = ["create_app"]

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, predictor: Predictor | None = None) -> Flask:
    """Build the Flask application and load the models of `settings.store`.

    A store that cannot be served does not raise: the application answers 503, and `predictor.failure` says why.
    `app.extensions["daylight"]` is its Services. Raises BadSetting where the settings themselves, read from the
    environment, are wrong.
    """
    settings = settings or Settings.from_environ()
    access_log.configure(settings.log_format)
    app = Flask(__name__, static_folder=None)  # pages.py serves static/, under a digest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    error_handlers.attach(app)
    locked_page.attach(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    rollout = None
    if predictor is None:
        predictor = Predictor(settings)
        if settings.run_folder:  # one worker of several: together they decide which versions they serve
            rollout = Rollout(predictor, WorkerRegistry(settings.run_folder), patience=settings.swap_seconds)
        try:
            (rollout or predictor).load()
        except StartupError as error:
            log.error("not ready: %s", error)
    meter, drift = Meter(settings.run_folder), None
    if settings.drift_rows:
        folder = os.path.join(settings.run_folder, DRIFT_FOLDER) if settings.run_folder else ""
        drift = Drift(folder, settings.drift_rows, settings.workers, meter)
        predictor.observers = (drift,)
    if settings.prediction_log:
        prediction_log = PredictionLog(settings, meter)
        prediction_log.check_names([*predictor.serving().values()])
        predictor.observers = (*predictor.observers, prediction_log)
    if rollout is not None:
        predictor.observers = (*predictor.observers, Shadows(predictor, meter, rollout.registry.folder))
    services = Services(predictor, rollout, meter, drift, traces_of(settings, meter))
    app.extensions[EXTENSION] = services
    middleware = Middleware(app.wsgi_app, services, settings)
    app.wsgi_app = middleware  # type: ignore[method-assign]  # as Flask's docs do
    services.direct = Direct(middleware)
    return app


def traces_of(settings: Settings, meter: Meter) -> Traces | None:
    """Where spans go; None without DAYLIGHT_TRACES."""
    if not settings.traces:
        return None
    from .observability.traces import Traces  # only then: OpenTelemetry is an extra

    return Traces(settings.traces, meter)
