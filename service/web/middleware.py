"""What happens to every request before and after it is answered, whichever way answers it.

    door = Door(settings)
    exchange = door.open(environ, "POST", "/predict")
    door.check(exchange, "/predict", environ)           # raises ServiceError kinds: not let in
    door.close("POST", "/predict", 200, exchange)       # the log line, and the counters

It decides nothing itself: the deadline is the exchange's, keys are auth's, other origins' pages cors'.
"""

from ..observability import access_log
from ..observability.metrics import Meter
from .access.cors import Cors
from .access.policy import Gate
from .context import ENVIRON, Exchange

__all__ = ["Door"]


class Door:
    """One worker's. Raises BadSetting where the file of keys cannot be read."""

    def __init__(self, settings):
        self.gate = Gate(settings)
        self.cors = Cors(settings.cors_origins) if settings.cors_origins else None
        self.timeout = settings.request_timeout
        self.meter = Meter(settings.run_folder)

    def open(self, environ, method, path):
        """The Exchange of a request, put into its environ and counted as in flight."""
        exchange = environ[ENVIRON] = Exchange(environ.get("HTTP_X_REQUEST_ID"))
        exchange.socket = environ.get("gunicorn.socket")
        self.meter.began()
        if self.cors and "HTTP_ORIGIN" in environ:
            exchange.more = self.cors.headers(environ["HTTP_ORIGIN"])
        return exchange

    def check(self, exchange, path, environ):
        """Let it in, or raise Unauthorized, Forbidden, RateLimited, or RequestError for an impossible deadline."""
        told = environ.get("HTTP_X_REQUEST_TIMEOUT")
        if told is not None:
            exchange.until(told)
        elif self.timeout:
            exchange.deadline = exchange.began + self.timeout
        self.gate.check(exchange, path, environ)

    def preflight(self, exchange, method, environ):
        """Whether this is a browser's question about another origin's page, whose answer is headers alone."""
        told = self.cors.preflight(method, environ) if self.cors else None
        if told is None:
            return False
        exchange.more = told
        return True

    def close(self, method, path, status, exchange):
        access_log.line(method, path, status, exchange)
        self.meter.ended(method, status, exchange)
