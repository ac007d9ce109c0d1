"""Who may ask for what: one decision for every request, before anything else is done with it.

    gate = Gate(settings)
    gate.check(exchange, "/v1/models/tumour:predict", environ)     # Unauthorized, Forbidden, RateLimited

Without a file of keys everything is open but the routes that change what is served: those then answer only where
nobody but this machine can connect. With one, only probes, the page's own files and the locked page are open.
"""

import math
import re
from ipaddress import ip_address

from ...errors import BadSetting, Forbidden, RateLimited, Unauthorized
from .api_keys import KeyFile
from .rate_limit import Buckets

__all__ = ["Gate", "check_exposure", "is_loopback"]

# Every path that is not one of these needs "predict".
ADMIN = re.compile(r"/v2/repository/models/.*", re.DOTALL)
OPEN = re.compile(r"/health(?:/live|/ready)?|/v2/health/(?:live|ready)|/ping|/version|/assets/.*")
PAGES = {"/", "/docs"}  # shown locked: a browser sends no key before somebody has typed one
METRICS = "/metrics"


class Gate:
    """One worker's gate. Raises BadSetting where the file of keys cannot be read."""

    def __init__(self, settings):
        self.keys = KeyFile(settings.keys_file) if settings.keys_file else None
        self.metrics_open = settings.metrics_open
        self.trusts_peers = not settings.open and is_loopback(
            host_of(settings.bind) if settings.bind else settings.host
        )
        self.buckets = Buckets(settings.run_folder) if self.keys else None

    def check(self, exchange, path, environ):
        """Let the request through, its caller's name noted in `exchange`, or raise."""
        if self.keys is None:
            if path.startswith("/v2/repository/models/"):
                self.check_without_keys(environ)
            return
        if OPEN.fullmatch(path) or (path == METRICS and self.metrics_open):
            return
        key = self.present(environ)
        if key is not None:
            exchange.key = key.name
        elif path in PAGES:
            exchange.allowed = False
            return
        else:
            raise Unauthorized("a key is needed: send Authorization: Bearer dl_..., or X-API-Key")
        needed = "admin" if path == METRICS or ADMIN.fullmatch(path) else "predict"
        if needed not in key.scopes:
            if path not in PAGES:
                raise Forbidden(f"the key {key.name} is not for this: it has no scope {needed}")
            exchange.allowed = False
        if key.rate:
            wait = self.buckets.take(key.name, key.rate, key.burst)
            if wait:
                raise RateLimited(
                    f"the key {key.name} is for {key.rate:g} requests a second", retry_after=max(1, math.ceil(wait))
                )

    def present(self, environ):
        """The Key that the request carries; None without one. Raises Unauthorized where it carries a wrong one."""
        given = environ.get("HTTP_X_API_KEY")
        if not given:
            scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            if scheme.lower() != "bearer":  # "Basic ..." may be meant for a proxy in front
                return None
        key = self.keys.find(given.strip())
        if key is None:
            raise Unauthorized("the key is not known here")
        return key

    def check_without_keys(self, environ):
        """A browser names the page that a POST comes from: no page may change what this server serves."""
        if not self.trusts_peers or "HTTP_ORIGIN" in environ:
            raise Forbidden("this needs a key of scope admin, and the server has no keys (DAYLIGHT_KEYS_FILE)")


def host_of(bind):
    """`[::1]:80` or `127.0.0.1:80` -> the address; "" for a unix socket or nothing."""
    return "" if bind.startswith("unix:") else bind.rpartition(":")[0].strip("[]")


def is_loopback(host):
    """Whether nobody but this machine can connect to the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_exposure(settings, addresses):
    """Refuse an instance that anybody may ask, unless the operator says that this is meant.

    addresses: what gunicorn listens on, (host, port) or the path of a socket. Raises BadSetting.
    """
    if settings.keys_file:
        KeyFile(settings.keys_file)
        return
    exposed = [one for one in addresses if not (isinstance(one, tuple) and is_loopback(one[0]))]
    if exposed and not settings.open:
        told = ", ".join(one if isinstance(one, str) else f"{one[0]}:{one[1]}" for one in exposed)
        raise BadSetting(
            f"it would answer everybody who reaches {told}; name a file of keys (DAYLIGHT_KEYS_FILE; "
            "python -m service keys add NAME makes one), or say that this is meant (DAYLIGHT_OPEN=yes)"
        )
