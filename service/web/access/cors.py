"""Pages of other origins: none may call this server, but those that the operator names.

    cors = Cors(("https://shop.example",))
    cors.headers("https://shop.example")     # [("Access-Control-Allow-Origin", "https://shop.example"), ...]

The Fetch standard, section 3.2: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

__all__ = ["Cors"]

SENT = "Authorization, Content-Type, X-API-Key, X-Request-ID, X-Request-Timeout"
READ = "Retry-After, Server-Timing, X-Request-ID"
MINUTES = 10  # a browser need not ask again for so long


class Cors:
    """origins: scheme://host[:port] each; "*" stands for any. Keys are headers, so cookies are never allowed."""

    def __init__(self, origins=()):
        self.origins = frozenset(origins)

    def headers(self, origin):
        """What every answer to a page of this origin says; caches are told that it depends on the origin."""
        vary = ("Vary", "Origin")
        if origin not in self.origins and "*" not in self.origins:
            return [vary]
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", READ), vary]

    def preflight(self, method, environ):
        """The headers that answer a browser's question before the call itself; None where this is no such question."""
        origin = environ.get("HTTP_ORIGIN")
        if method != "OPTIONS" or not origin or "HTTP_ACCESS_CONTROL_REQUEST_METHOD" not in environ:
            return None
        told = self.headers(origin)
        if len(told) > 1:
            told += [
                ("Access-Control-Allow-Methods", "GET, POST"),
                ("Access-Control-Allow-Headers", SENT),
                ("Access-Control-Max-Age", str(MINUTES * 60)),
            ]
        return told
