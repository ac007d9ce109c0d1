"""Access policy: which callers may use a route. Every request is checked before a handler or a view sees it.

    policy = policy_of(settings)
    policy.check(context, Scope.PREDICT, environ)       # raises Unauthorized, Forbidden or RateLimited

Without a file of API keys every route is open but those of scope ADMIN, which change what is served: they answer only
where no other machine can connect. With one, only routes of scope OPEN and the locked pages are open.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...errors import Forbidden, RateLimited, Unauthorized
from .api_keys import Key, KeyFile
from .exposure import host_of, is_loopback
from .rate_limit import Buckets
from .redis_server import SCHEMES, RedisServer
from .shared_rate_limit import SharedBuckets

if TYPE_CHECKING:
    from ...settings import Settings
    from ..context import RequestContext

__all__ = ["Scope", "WithKeys", "WithoutKeys", "policy_of"]


OWN_SITES = ("none", "same-origin")  # of Sec-Fetch-Site: typed by the user, or from a page of this server


class Scope(Enum):
    """Who may use a route of a server with API keys."""

    OPEN = "everybody"
    PAGE = "everybody; only keys of scope predict see what the models are"
    PREDICT = "keys of scope predict"
    ADMIN = "keys of scope admin; without API keys, callers on this machine"
    ADMIN_PAGE = "as admin; browsers without a key are asked for one"
    METRICS = "keys of scope admin, or everybody where DAYLIGHT_METRICS_OPEN says so"


PAGES = (Scope.PAGE, Scope.ADMIN_PAGE)  # shown locked where a key is missing


def policy_of(settings: Settings) -> WithKeys | WithoutKeys:
    """The policy that the settings ask for. Raises BadSetting where the file of keys cannot be read."""
    return WithKeys(settings) if settings.keys_file else WithoutKeys(settings)


class WithoutKeys:
    """The policy of a server without API keys."""

    def __init__(self, settings: Settings) -> None:
        host = host_of(settings.bind) if settings.bind else settings.host
        self.trusts_peers = not settings.open and is_loopback(host)
        self.any_host = not self.trusts_peers or "*" in settings.hosts
        self.hosts = frozenset(name.lower() for name in settings.hosts)

    def check(self, context: RequestContext, scope: Scope, environ: dict[str, Any]) -> None:
        """Raises Forbidden for a foreign Host, or unless the caller may change what is served, where the route does."""
        if not self.any_host and scope is not Scope.OPEN:
            self.check_host(environ.get("HTTP_HOST"))
        if scope in (Scope.ADMIN, Scope.ADMIN_PAGE) and (not self.trusts_peers or from_page(environ)):
            raise Forbidden("this needs a key of scope admin, and the server has no keys (DAYLIGHT_KEYS_FILE)")

    def check_host(self, host: str | None) -> None:
        """Raises Forbidden unless it is a name of this machine's loopback, or one of the settings.

        A web page can have its own name resolve to 127.0.0.1 (DNS rebinding): the browser then takes this server for
        the page's own, lets its script read the answers, and sends the page's name as Host.
        """
        if host is None:  # HTTP/1.0; no browser
            return
        if not is_own(host) and name_of(host) not in self.hosts:
            raise Forbidden(
                f"the server is asked as {name_of(host)!r:.100}, which is no name of this machine's own; "
                "behind a proxy, name it in DAYLIGHT_HOSTS, or give the server keys (DAYLIGHT_KEYS_FILE)"
            )


def name_of(host: str) -> str:
    """The name or the address of a Host header, without its port."""
    return host_of(host if host.rpartition(":")[2].isdigit() else f"{host}:80").lower()


@lru_cache(maxsize=64)
def is_own(host: str) -> bool:
    """Whether the name in a Host header always stands for the loopback."""
    name = name_of(host)
    return is_loopback(name) or name.endswith(".localhost")


def from_page(environ: dict[str, Any]) -> bool:
    """Whether a page of another site sent the request: no page may change what this server serves."""
    return "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") not in OWN_SITES


def buckets_of(settings: Settings) -> Buckets | SharedBuckets:
    """What counts the rates of keys: with other servers where the keys are shared with them."""
    alone = Buckets(settings.run_folder)
    shared = settings.keys_file.startswith(SCHEMES)
    return SharedBuckets(RedisServer(settings.keys_file), alone) if shared else alone


class WithKeys:
    """The policy of a server with a file of API keys."""

    def __init__(self, settings: Settings) -> None:
        self.keys = KeyFile(settings.keys_file, settings.run_folder)
        self.open_scopes = {Scope.OPEN, Scope.METRICS} if settings.metrics_open else {Scope.OPEN}
        self.buckets = buckets_of(settings)

    def check(self, context: RequestContext, scope: Scope, environ: dict[str, Any]) -> None:
        """Note the key's name in the context, or raise Unauthorized, Forbidden or RateLimited."""
        if scope in self.open_scopes:
            return
        key = self.key_of(environ)
        if key is not None:
            context.key = key.name
        elif scope in PAGES:  # a browser sends no key before its user has typed one
            context.allowed = False
            return
        else:
            raise Unauthorized("a key is needed: send Authorization: Bearer dl_..., or X-API-Key")
        self.check_scope(context, scope, key)
        if key.rate:
            wait = self.buckets.take(key.name, key.rate, key.burst)
            if wait:
                raise RateLimited(
                    f"the key {key.name} is for {key.rate:g} requests a second", retry_after=max(1, math.ceil(wait))
                )

    @staticmethod
    def check_scope(context: RequestContext, scope: Scope, key: Key) -> None:
        """Raises Forbidden where the key lacks the scope; a page is shown locked instead."""
        needed = "predict" if scope in (Scope.PAGE, Scope.PREDICT) else "admin"
        if needed not in key.scopes:
            if scope not in PAGES:
                raise Forbidden(f"the key {key.name} is not for this: it has no scope {needed}")
            context.allowed = False

    def key_of(self, environ: dict[str, Any]) -> Key | None:
        """The Key that the request carries; None without one. Raises Unauthorized for an unknown key."""
        text = environ.get("HTTP_X_API_KEY")
        if not text:
            scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            if scheme.lower() != "bearer":  # "Basic ..." may be meant for a proxy in front
                return None
        key = self.keys.find(text.strip())
        if key is None:
            raise Unauthorized("the key is not known here")
        return key
