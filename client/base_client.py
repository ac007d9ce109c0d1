"""One server and the requests that are sent to it: the session, the time limits, the retries, and the errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import requests
from requests.utils import get_auth_from_url, urldefragauth

from .errors import ServerError, excerpt, from_answer
from .retries import Retries
from .transport import Timeout, session, transport_error

__all__ = ["BaseClient"]

Answer = TypeVar("Answer")
Own = TypeVar("Own", bound="BaseClient")

TIMEOUT = Timeout()
LONGEST = 86_400.0  # seconds of X-Request-Timeout that a server takes


class BaseClient:
    """What every method of a client is built on. The arguments are those of Client."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:1200",
        *,
        api_key: str | None = None,
        timeout: Timeout | tuple[float | None, float | None] | float | None = TIMEOUT,
        retries: Retries | None = None,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError(f"url={url!r}: expected http://host:port or https://host")
        self.url = urldefragauth(url).rstrip("/")
        self.timeout = Timeout(*timeout) if isinstance(timeout, tuple) else Timeout(timeout, timeout)
        self.retries = Retries() if retries is None else retries
        self.session = session()
        if any(get_auth_from_url(url)):
            self.session.auth = get_auth_from_url(url)
        if api_key:
            self.session.headers["X-API-Key"] = api_key
        self._defaults: dict[str, str] = {}  # kind: name of the server's default model, once asked

    def __repr__(self) -> str:
        return f"Client({self.url!r}, timeout={self.timeout})"

    def __enter__(self: Own) -> Own:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self.session.close()

    def _ask(
        self,
        method: str,
        path: str,
        read: Callable[[Any], Answer],
        body: bytes | None = None,
        ends: float | None = None,
        **how: Any,
    ) -> Answer:
        """One request and its answer, made into a value by `read`."""
        answer = self._request(method, path, body, ends, **how)
        try:
            return read(json.loads(answer.content))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ServerError(
                f"{self.url} answered {path} with something unexpected{excerpt(answer.content)}",
                status=answer.status_code,
                request_id=answer.headers.get("X-Request-ID"),
            ) from error

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        ends: float | None,
        *,
        retries: Retries | None = None,
        limits: Timeout | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """One request, by one id however often it is sent. Raises the error that another answer than 2xx is."""
        headers = {"X-Request-ID": uuid4().hex}
        if body:
            headers["Content-Type"] = "application/json"

        def send(left: float | None) -> requests.Response:
            timeout = limits or self.timeout
            if left is not None:
                headers["X-Request-Timeout"] = f"{min(max(left, 0.001), LONGEST):.3f}"
                timeout = Timeout(*(left if limit is None else min(limit, left) for limit in timeout))
            return self._send(method, path, body, headers, timeout, stream)

        return (retries or self.retries).call(send, ends)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], timeout: Timeout, stream: bool
    ) -> requests.Response:
        """The only place that talks to the server."""
        try:
            # A redirected POST would arrive as a GET, so redirects are refused, with the URL to use instead.
            answer = self.session.request(
                method,
                self.url + path,
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
                stream=stream,
            )
            if answer.is_redirect:
                raise ServerError(f"{self.url} redirects to {answer.headers['Location']}", status=answer.status_code)
            if not 200 <= answer.status_code < 300:
                raise from_answer(answer.status_code, answer.headers, answer.content)
        except requests.RequestException as error:
            raise transport_error(error, self.url, timeout) from error
        return answer
