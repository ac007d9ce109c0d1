"""HTTP for AsyncClient: a session of httpx2, one try of a request, and the exceptions of httpx2 as the client's errors.

httpx2 is the maintained continuation of httpx. It replaces kept connections that it finds closed. One that closes at
the moment of use is told from one that broke because of its request, as transport.py does for requests.
"""

from __future__ import annotations

from typing import Any

import httpx2

from .base_client import is_refusal, refusal
from .calls import Request, Timeout
from .errors import ConnectError, ConnectionDropped, DaylightError, ServerError, TimedOut, TransportError
from .transport import POOL_SIZE

__all__ = ["session", "take", "transport_error"]

LIMITS = httpx2.Limits(max_connections=POOL_SIZE, max_keepalive_connections=POOL_SIZE, keepalive_expiry=None)
CONNECTED = "connection.connect_tcp.started"
ANSWERED = "http11.receive_response_headers.complete"


def session(headers: dict[str, str], auth: tuple[str, str] | None) -> httpx2.AsyncClient:
    """A session that keeps its connections, which are 32 at most: further requests wait for one."""
    return httpx2.AsyncClient(headers=headers, auth=auth, limits=LIMITS)


async def take(http: httpx2.AsyncClient, url: str, step: Request) -> httpx2.Response:
    """One try of a request: the only place where one is sent. Raises a DaylightError for an answer other than 2xx."""
    events: set[str] = set()

    async def trace(name: str, _about: dict[str, Any]) -> None:
        events.add(name)

    waits = {"connect": step.timeout.connect, "read": step.timeout.read, "write": step.timeout.read}
    extensions = {"trace": trace, "timeout": {**waits, "pool": step.seconds_left}}
    request = http.build_request(
        step.method, url + step.path, content=step.content, headers=dict(step.headers), extensions=extensions
    )
    try:
        answer = await http.send(request, stream=True)
        refused = is_refusal(answer.status_code)
        if refused or not step.stream:
            await answer.aread()  # closes the answer, whatever happens
    except httpx2.HTTPError as error:
        kept = CONNECTED not in events and ANSWERED not in events
        raise transport_error(error, url, step.timeout, kept) from error
    if refused:
        raise refusal(answer, url)
    return answer


def transport_error(error: httpx2.HTTPError, url: str, timeout: Timeout, kept: bool = False) -> DaylightError:
    """The error of this client for one of httpx2. kept: the connection had answered before, and not a byte came now."""
    if isinstance(error, httpx2.ConnectTimeout):
        return TimedOut(f"no connection to {url} within {timeout.connect:g} s")
    if isinstance(error, httpx2.PoolTimeout):
        return TimedOut("the time for the whole call was over before a connection was free")
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(f"{url} was silent for {timeout.read:g} s")
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    origin = f"{type(cause).__name__}: {cause}"
    if isinstance(error, (httpx2.ConnectError, httpx2.ProxyError)):
        return ConnectError(f"no connection to {url} ({origin})")
    if isinstance(error, httpx2.DecodingError):
        return ServerError(f"the answer of {url} cannot be decompressed ({origin})")
    error_class = ConnectionDropped if kept else TransportError
    return error_class(f"the connection to {url} broke before the answer was complete ({origin})")
