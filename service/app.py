"""The one place where everything is put together.

app = create_app()                                  # as wsgi.py does
app = create_app(Settings(store=tmp_path))          # as the tests do
"""

import logging

from flask import Flask

from .blueprints import BLUEPRINTS, error_handlers, locked_page
from .errors import StartupError
from .observability import access_log
from .predictor import Predictor
from .server.lifecycle.rollout import Swap
from .server.lifecycle.worker_registry import Instance
from .settings import Settings
from .web.fast_path import ShortWay
from .web.middleware import Door

__all__ = ["create_app"]

log = logging.getLogger(__name__)


def create_app(settings=None, predictor=None):
    """Build the Flask application and load the models of `settings.store`.

    A store that cannot be served does not raise: the application answers 503, and
    `app.extensions["daylight"].failure` says why. Raises BadSetting where the settings
    themselves, read from the environment, are wrong.
    """
    access_log.configure()
    settings = settings or Settings.from_environ()
    app = Flask(__name__, static_folder=None)  # pages.py serves static/, under a digest
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    error_handlers.attach(app)
    locked_page.attach(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    swap = None
    if predictor is None:
        predictor = Predictor(settings)
        if settings.run_folder:  # one worker of several: which versions it serves, they decide together
            swap = Swap(predictor, Instance(settings.run_folder), patience=settings.swap_seconds)
        try:
            (swap or predictor).load()
        except StartupError as error:
            log.error("not ready: %s", error)
    app.extensions["daylight"] = predictor
    app.extensions["daylight.swap"] = swap
    door = Door(settings)
    app.extensions["daylight.meter"] = door.meter
    app.wsgi_app = ShortWay(app.wsgi_app, lambda: app.extensions["daylight"], door)
    return app
