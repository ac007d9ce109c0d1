"""HTTP: a session with pooled connections, timeouts, and the exceptions of requests as the client's errors.

A server closes idle connections after a while. urllib3 replaces those that it finds closed. A connection that closes
at the moment of use is distinguished here from one that broke because of its request: retries.py treats them
differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from .calls import Timeout
from .errors import ConnectError, ConnectionDropped, DaylightError, ServerError, TimedOut, TransportError

__all__ = ["POOL_SIZE", "causes", "session", "transport_error"]

POOL_SIZE = 32  # connections kept: the default maximum of threads in a ThreadPoolExecutor


def session() -> requests.Session:
    """A requests.Session that keeps connections, shares them among threads and replaces those the server closed."""
    session = requests.Session()
    for scheme in POOLS:
        session.mount(f"{scheme}://", KeptAdapter(pool_connections=1, pool_maxsize=POOL_SIZE))
    return session


if TYPE_CHECKING:
    Base = HTTPConnection  # of which `KeptConnection` is a mixin
else:
    Base = object


class Dropped(ConnectionResetError):
    """A connection that had answered before was closed without a byte of the next answer."""


class KeptConnection(Base):
    """A connection that raises Dropped if it was closed after it had answered before."""

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
    ConnectionCls = type("KeptHTTPConnection", (KeptConnection, HTTPConnectionPool.ConnectionCls), {})


class HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = type("KeptHTTPSConnection", (KeptConnection, HTTPSConnectionPool.ConnectionCls), {})


POOLS = {"http": HTTPPool, "https": HTTPSPool}


class KeptAdapter(HTTPAdapter):
    """Discards all kept connections as soon as one turns out to be dropped: the others are as old."""

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
    """An exception and those it wraps, the original one last.

    __context__ is not followed: it may be an exception of another request, which the caller is handling.
    """
    while isinstance(error, BaseException):
        yield error
        wrapped = [error.__cause__, getattr(error, "reason", None), *reversed(error.args)]
        error = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)


def transport_error(error: requests.RequestException, url: str, timeout: Timeout) -> DaylightError:
    """The error of this client for a requests.RequestException."""
    chain = list(causes(error))
    types = tuple(type(cause) for cause in chain)
    if isinstance(error, requests.ConnectTimeout):
        return TimedOut(f"no connection to {url} within {timeout.connect:g} s")
    if isinstance(error, requests.Timeout) or ReadTimeoutError in types:  # the latter within an answer
        return TimedOut(f"{url} was silent for {timeout.read:g} s")
    origin = f"{type(chain[-1]).__name__}: {chain[-1]}"
    if isinstance(error, (requests.exceptions.SSLError, requests.exceptions.ProxyError)) or any(
        isinstance(cause, NewConnectionError) for cause in chain
    ):
        return ConnectError(f"no connection to {url} ({origin})")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return ServerError(f"the answer of {url} cannot be decompressed ({origin})")
    error_class = ConnectionDropped if Dropped in types else TransportError
    return error_class(f"the connection to {url} broke before the answer was complete ({origin})")
