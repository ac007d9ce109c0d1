"""The wire: one pooled session, timeouts, and what requests raises as the client's own errors.

A server closes connections it has kept for a while. urllib3 replaces those it finds closed; the one that closes in
the very moment it is used is told apart here from one that died of its request. What is sent again: retries.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from .errors import ConnectError, ConnectionDropped, DaylightError, ServerError, TimedOut, TransportError
from .version import __version__

__all__ = ["Timeout", "session", "transport_error"]

POOL = 32  # connections kept; as many as a ThreadPoolExecutor has threads at most


class Timeout(NamedTuple):
    """Seconds to wait: for a connection, and for the server to say something. None waits for ever."""

    connect: float | None = 3.05  # a little over 3, when TCP's first packet is sent again
    read: float | None = 60.0

    def within(self, seconds: float) -> Timeout:
        """The same, each part shortened to so many seconds."""
        return Timeout(*(seconds if limit is None else min(limit, seconds) for limit in self))


def session() -> requests.Session:
    """A requests.Session whose connections are kept, shared by threads, and replaced when the server drops them."""
    session = requests.Session()
    session.headers.update({"Accept": "application/json", "User-Agent": f"daylight-client/{__version__}"})
    for scheme in POOLS:
        session.mount(f"{scheme}://", KeptAdapter(pool_connections=1, pool_maxsize=POOL))
    return session


if TYPE_CHECKING:
    Base = HTTPConnection  # of which `Kept` is a mixin
else:
    Base = object


class Dropped(ConnectionResetError):
    """A connection that had answered before was closed without a byte of the next answer."""


class Kept(Base):
    """A connection that tells whether it was dropped while kept, or died of its first request."""

    answered = False

    def connect(self) -> None:
        self.answered = False
        return super().connect()

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            response = super().getresponse(*args, **kwargs)
        except ConnectionError as error:
            if self.answered:
                raise Dropped(*error.args) from error
            raise
        self.answered = True
        return response


class HTTPPool(HTTPConnectionPool):
    ConnectionCls = type("KeptHTTPConnection", (Kept, HTTPConnectionPool.ConnectionCls), {})


class HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = type("KeptHTTPSConnection", (Kept, HTTPSConnectionPool.ConnectionCls), {})


POOLS = {"http": HTTPPool, "https": HTTPSPool}


class KeptAdapter(HTTPAdapter):
    """Where one kept connection turns out to be dropped, no other one is tried: they are as old."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().send(request, *args, **kwargs)
        except requests.ConnectionError as error:
            if any(isinstance(cause, Dropped) for cause in causes(error)):
                self.poolmanager.clear()
            raise


def causes(error: object) -> Iterator[BaseException]:
    """An exception and what it wraps, the origin last.

    Not by __context__, which reaches beyond this request into whatever the caller is handling.
    """
    while isinstance(error, BaseException):
        yield error
        wrapped = [error.__cause__, getattr(error, "reason", None), *reversed(error.args)]
        error = next((one for one in wrapped if isinstance(one, BaseException)), None)


def transport_error(error: requests.RequestException, url: str, timeout: Timeout) -> DaylightError:
    """A requests.RequestException as the error of this client that says what to do about it."""
    chain = list(causes(error))
    kinds = tuple(type(cause) for cause in chain)
    if isinstance(error, requests.ConnectTimeout):
        return TimedOut(f"no connection to {url} within {timeout.connect:g} s")
    if isinstance(error, requests.Timeout) or ReadTimeoutError in kinds:  # the latter in the middle of an answer
        return TimedOut(f"{url} was silent for {timeout.read:g} s")
    origin = f"{type(chain[-1]).__name__}: {chain[-1]}"
    if isinstance(error, (requests.exceptions.SSLError, requests.exceptions.ProxyError)) or any(
        isinstance(cause, NewConnectionError) for cause in chain
    ):
        return ConnectError(f"no connection to {url} ({origin})")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return ServerError(f"the answer of {url} cannot be decompressed ({origin})")
    kind = ConnectionDropped if Dropped in kinds else TransportError
    return kind(f"the connection to {url} broke before the answer was complete ({origin})")
