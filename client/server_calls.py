"""What a client asks of the server itself: its models, and whether it is ready."""

from __future__ import annotations

from time import monotonic
from typing import Any

from .base_client import NO_RETRIES, BaseClient, decode_models, decode_object, model_path
from .calls import Call, Pause
from .errors import ServerError, TimedOut, TransportError, Unavailable

__all__ = ["default", "describe", "live", "models", "ready", "wait_until_ready"]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two readiness checks


def models(client: BaseClient) -> Call[list[dict[str, Any]]]:
    """The served models: a list of dicts with "id", "kind", "version", "ready", "default" and more."""
    return client._ask("GET", "/v1/models", decode_models)


def describe(client: BaseClient, model: str, version: str | None = None) -> Call[dict[str, Any]]:
    """The description of one model, as a dict: kind, versions, columns and outputs, an example, metrics, limits."""
    return client._ask("GET", model_path(model, version), decode_object)


def default(client: BaseClient, kind: str) -> Call[str]:
    """The name of the server's default model of a kind, such as "tabular"; asked for once, then cached.

    Raises ModelNotFound, which names the candidates, if there is none.
    """
    return client._default(kind)


def live(client: BaseClient) -> Call[bool]:
    """Whether the server answers at all. Raises InvalidRequest if it is not a Daylight server."""
    return healthy(client, "/health/live")


def ready(client: BaseClient) -> Call[bool]:
    """Whether every model is loaded. Raises InvalidRequest if it is not a Daylight server."""
    return healthy(client, "/health/ready")


def healthy(client: BaseClient, path: str) -> Call[bool]:
    """Whether a health route answers 2xx. Raises InvalidRequest for 4xx, as of a server that has no such route."""
    try:
        yield from client._ask("GET", path, decode_object, retries=NO_RETRIES)
    except (TransportError, Unavailable, ServerError):
        return False
    return True


def wait_until_ready(client: BaseClient, seconds: float = 60) -> Call[None]:
    """Return as soon as the server is ready; raises TimedOut, with the last error, after `seconds`."""
    deadline = monotonic() + seconds
    pause = FIRST_PAUSE
    while True:
        seconds_left = max(deadline - monotonic(), FIRST_PAUSE)
        timeout = client.timeout.within(seconds_left)
        try:
            return (yield from client._ask("GET", "/health/ready", lambda _: None, retries=NO_RETRIES, timeout=timeout))
        except (TransportError, Unavailable, ServerError) as error:
            last_error = error
        if monotonic() + pause > deadline:
            raise TimedOut(f"{client.url} was not ready within {seconds:g} s: {last_error}") from last_error
        yield Pause(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
