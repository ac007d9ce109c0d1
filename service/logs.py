"""One line per request, on stderr: method, path, status, milliseconds, model, request id."""

import logging
import re
import uuid
from time import perf_counter

from flask import g, request

__all__ = ["attach", "configure"]

REQUEST_ID = "X-Request-ID"
SOUND_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = logging.getLogger("service.requests")


def configure():
    """Send Daylight's own log to stderr, unless the program around it has set logging up."""
    root = logging.getLogger("service")
    if not root.handlers and not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)


def attach(app):
    """Give every request an id (the caller's own, where it is one) and write its line."""
    app.before_request(begin)
    app.after_request(finish)


def begin():
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if SOUND_ID.fullmatch(given) else uuid.uuid4().hex
    g.began = perf_counter()


def finish(response):
    response.headers[REQUEST_ID] = g.request_id
    if log.isEnabledFor(logging.INFO):
        milliseconds = (perf_counter() - g.began) * 1000
        line = "%s %s %s %.1fms model=%s id=%s"
        # repr() of the path: what a caller puts into a URL must not write log lines of its own
        path = request.path.encode("ascii", "backslashreplace").decode().replace("\n", "\\n").replace("\r", "\\r")
        log.info(line, request.method, path, response.status_code, milliseconds, g.get("model", "-"), g.request_id)
    return response
