"""gunicorn's own log in the form of Daylight's."""

from __future__ import annotations

import sys
from typing import Any

from gunicorn.glogging import Logger

from ..observability.log_formats import JsonFormatter, as_json

__all__ = ["JsonLogger", "logger_class"]


class JsonLogger(Logger):
    """gunicorn's log, each of its lines an object of JSON."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())


def logger_class(form: str) -> type[Logger]:
    """The class for gunicorn's setting logger_class; form: DAYLIGHT_LOG_FORMAT."""
    return JsonLogger if as_json(form, sys.stderr) else Logger
