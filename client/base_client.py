"""What the methods of a client share: the session, the requests and their errors, and the default models."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

import requests
from requests.utils import get_auth_from_url, urldefragauth

from .errors import ModelNotFound, ServerError, TransportError, Unavailable, excerpt, from_answer
from .retries import Retries
from .rows import dump
from .streams import TextStream
from .transport import Timeout, session, transport_error

__all__ = ["NEVER", "BaseClient", "Body", "entries", "model_path", "record"]

Answer = TypeVar("Answer")
Own = TypeVar("Own", bound="BaseClient")

TIMEOUT = Timeout()
LONGEST = 86_400.0  # seconds of X-Request-Timeout that a server takes
NEVER = Retries(0)  # for questions about the server's state: that it cannot answer is the answer


class Body(NamedTuple):
    """The body of a POST. query: the query string that goes with it, or ""."""

    content: bytes
    media_type: str = "application/json"
    query: str = ""

    @classmethod
    def json(cls, value: Any) -> Body:
        return cls(dump(value))


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
        decode: Callable[[Any], Answer],
        body: Body | None = None,
        deadline: float | None = None,
        **how: Any,
    ) -> Answer:
        """One request and its answer, made into a value by `decode`.

        deadline: the moment at which the call is over, by the clock of the Retries. how: as for `_request`.
        """
        answer = self._request(method, path, body, deadline, **how)
        try:
            return decode(json.loads(answer.content))
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
        body: Body | None,
        deadline: float | None,
        *,
        retries: Retries | None = None,
        timeout: Timeout | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """One request, by one id however often it is sent. Raises the error that another answer than 2xx is."""
        headers = {"X-Request-ID": uuid4().hex}
        content = None
        if body is not None:
            content, headers["Content-Type"] = body.content, body.media_type
            path = f"{path}?{body.query}" if body.query else path
        limits = timeout or self.timeout

        def send(left: float | None) -> requests.Response:
            if left is None:
                return self._send(method, path, content, headers, limits, stream)
            headers["X-Request-Timeout"] = f"{min(max(left, 0.001), LONGEST):.3f}"
            return self._send(method, path, content, headers, limits.within(left), stream)

        return (retries or self.retries).call(send, deadline)

    def _send(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str], timeout: Timeout, stream: bool
    ) -> requests.Response:
        """The only place that talks to the server."""
        try:
            # A redirected POST would arrive as a GET, so redirects are refused, with the URL to use instead.
            answer = self.session.request(
                method,
                self.url + path,
                data=content,
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

    def _default(self, kind: str, deadline: float | None = None) -> str:
        """The name of the default model of a kind. Raises ModelNotFound naming the candidates where there is none."""
        if kind not in self._defaults:
            served = self._ask("GET", "/v1/models", entries, deadline=deadline)
            if not served:  # a server whose models are still loading lists none, and says why here
                self._ask("GET", "/health/ready", record, deadline=deadline)
            candidates = [entry for entry in served if entry["kind"] == kind]
            names = [entry["id"] for entry in candidates if entry.get("default")]
            if len(names) != 1:
                raise ModelNotFound(f"{self.url} has no default {kind} model; {advice(candidates)}")
            self._defaults[kind] = names[0]
        return self._defaults[kind]

    def _healthy(self, path: str) -> bool:
        try:
            self._ask("GET", path, record, retries=NEVER)
        except (TransportError, Unavailable, ServerError):
            return False
        return True

    def _predict(
        self,
        kind: str,
        model: str | None,
        version: str | None,
        body: Body,
        decode: Callable[[Any], Answer],
        timeout: float | None,
    ) -> Answer:
        """POST to the `:predict` of a model, or of the default model of a kind."""
        deadline = self.retries.until(timeout)

        def predict(name: str) -> Answer:
            return self._ask("POST", f"{model_path(name, version)}:predict", decode, body, deadline)

        if model is not None:
            return predict(model)
        known = kind in self._defaults
        try:
            return predict(self._default(kind, deadline))
        except ModelNotFound:
            if not known:
                raise
        del self._defaults[kind]  # it was learned a while ago; the server may serve another one by now
        return predict(self._default(kind, deadline))

    def _stream(self, path: str, model: str | None, call: dict[str, Any], timeout: float | None) -> TextStream:
        deadline = self.retries.until(timeout)
        options = {"model": model or self._default("text_generation", deadline), "stream": True}
        body = Body.json({**call, **options, "stream_options": {"include_usage": True}})
        answer = self._request("POST", path, body, deadline, stream=True)
        return TextStream(answer, self.url, self.timeout)


def record(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError("the answer is an object")
    return answer


def entries(answer: Any) -> list[dict[str, Any]]:
    """The entries of GET /v1/models, each of which has an id and a kind."""
    return [entry for entry in answer["data"] if entry["id"] and entry["kind"]]


def model_path(model: str, version: str | None = None) -> str:
    """The path of a model, or of one version of it."""
    path = f"/v1/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{quote(str(version), safe='')}"


def advice(candidates: list[dict[str, Any]]) -> str:
    if not candidates:
        return "none is served there"
    return f"name one with model=: {', '.join(entry['id'] for entry in candidates)}"
