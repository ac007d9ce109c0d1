"""CORS: pages of other origins may call this server only where the operator names their origin.

    cors = Cors(("https://shop.example",))
    cors.headers("https://shop.example")     # [("Access-Control-Allow-Origin", "https://shop.example"), ...]

The Fetch standard, section 3.2: https://fetch.spec.whatwg.org/#http-cors-protocol. A page from the internet that calls
a server in a private network asks for that, too: https://wicg.github.io/private-network-access/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["Cors"]

REQUEST_HEADERS = ("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "X-Request-Timeout")
# OpenAI's JavaScript client adds a dozen `x-stainless-...`, others add theirs. They name the caller's program, and none
# of them gives a page of a named origin anything: keys are headers, and cookies are not used.
NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
MOST_NAMES = 64
ANSWER_HEADERS = "Retry-After, Server-Timing, traceparent, X-Request-ID"
MAX_AGE = 600  # seconds for which a browser need not ask again

Headers = list[tuple[str, str]]


class Cors:
    """origins: scheme://host[:port] each; "*" stands for any. API keys are headers, so cookies are never allowed."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self.origins = frozenset(origins)

    def allows(self, origin: str) -> bool:
        return origin in self.origins or "*" in self.origins

    def headers(self, origin: str) -> Headers:
        """The headers of every answer to a page of this origin; Vary tells caches that they depend on the origin."""
        vary = ("Vary", "Origin")
        if not self.allows(origin):
            return [vary]
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", ANSWER_HEADERS), vary]

    def preflight(self, method: str, environ: dict[str, Any]) -> Headers | None:
        """The headers that answer a browser's preflight request; None where this is no preflight."""
        origin = environ.get("HTTP_ORIGIN")
        if method != "OPTIONS" or not origin or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        headers = self.headers(origin)
        if self.allows(origin):
            headers += [
                ("Access-Control-Allow-Methods", "GET, POST"),
                ("Access-Control-Allow-Headers", ", ".join(allowed(environ))),
                ("Access-Control-Max-Age", str(MAX_AGE)),
            ]
            if environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
                headers.append(("Access-Control-Allow-Private-Network", "true"))
        return headers


def allowed(environ: dict[str, Any]) -> list[str]:
    """Our own request headers, and those that the page asks for; names that are none are left out."""
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(",")[:MOST_NAMES]
    known = {name.lower() for name in REQUEST_HEADERS}
    return [
        *REQUEST_HEADERS,
        *(name for name in map(str.strip, asked) if NAME.fullmatch(name) and name.lower() not in known),
    ]
