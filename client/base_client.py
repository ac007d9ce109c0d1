"""The base of Client: the session, requests and their errors, and the default models."""

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

__all__ = ["NO_RETRIES", "BaseClient", "Body", "decode_models", "decode_object", "model_path"]

Answer = TypeVar("Answer")
Self = TypeVar("Self", bound="BaseClient")

TIMEOUT = Timeout()
MAX_REQUEST_TIMEOUT = 86_400.0  # seconds; the server accepts no longer X-Request-Timeout
NO_RETRIES = Retries(0)  # for health checks: a failure is the answer


class Body(NamedTuple):
    """The body of a POST. query: the query string of its URL, or "". headers: besides Content-Type."""

    content: bytes
    media_type: str = "application/json"
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, value: Any) -> Body:
        return cls(dump(value))


class BaseClient:
    """One server: the session and the private methods that Client's are built on. The arguments are those of Client."""

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
        self._defaults: dict[str, str] = {}  # kind: the name of the default model, as the server last listed it

    def __repr__(self) -> str:
        return f"Client({self.url!r}, timeout={self.timeout})"

    def __enter__(self: Self) -> Self:
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
        *,
        retries: Retries | None = None,
        timeout: Timeout | None = None,
    ) -> Answer:
        """One request and its answer, decoded from JSON and by `decode`.

        deadline: when the whole call must be over, by the clock of the Retries. retries, timeout: instead of
        those of the client.
        """
        answer = self._request(method, path, body, deadline, retries=retries, timeout=timeout)
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
        """One request; its retries have the same id. Raises a DaylightError for an answer other than 2xx."""
        headers = {"X-Request-ID": uuid4().hex}
        content = None
        if body is not None:
            content, headers["Content-Type"] = body.content, body.media_type
            headers.update(body.headers)
            path = f"{path}?{body.query}" if body.query else path
        try_timeout = timeout or self.timeout

        def send(seconds_left: float | None) -> requests.Response:
            if seconds_left is None:
                return self._send(method, path, content, headers, try_timeout, stream)
            headers["X-Request-Timeout"] = f"{min(max(seconds_left, 0.001), MAX_REQUEST_TIMEOUT):.3f}"
            return self._send(method, path, content, headers, try_timeout.within(seconds_left), stream)

        return (retries or self.retries).call(send, deadline)

    def _send(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str], timeout: Timeout, stream: bool
    ) -> requests.Response:
        """One try of a request: the only place where one is sent."""
        try:
            # A redirected POST would arrive as a GET, so a redirect is an error, which names the URL to use instead.
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
            models = self._ask("GET", "/v1/models", decode_models, deadline=deadline)
            if not models:  # a server that still loads its models lists none; its readiness raises the reason
                self._ask("GET", "/health/ready", decode_object, deadline=deadline)
            candidates = [model for model in models if model["kind"] == kind]
            default_names = [model["id"] for model in candidates if model.get("default")]
            if len(default_names) != 1:
                raise ModelNotFound(f"{self.url} has no default {kind} model; {candidates_advice(candidates)}")
            self._defaults[kind] = default_names[0]
        return self._defaults[kind]

    def _healthy(self, path: str) -> bool:
        """Whether a health route answers 2xx. Raises InvalidRequest for 4xx, as of a server that has no such route."""
        try:
            self._ask("GET", path, decode_object, retries=NO_RETRIES)
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
        """POST to the `:predict` route of a model, or of the default model of a kind."""
        deadline = self.retries.until(timeout)

        def predict(name: str) -> Answer:
            return self._ask("POST", f"{model_path(name, version)}:predict", decode, body, deadline)

        return self._of_model(kind, model, predict, deadline)

    def _of_model(
        self, kind: str, model: str | None, predict: Callable[[str], Answer], deadline: float | None
    ) -> Answer:
        """What `predict` gives for the name of a model, or of the default model of a kind."""
        if model is not None:
            return predict(model)
        default_was_cached = kind in self._defaults
        try:
            return predict(self._default(kind, deadline))
        except ModelNotFound:
            if not default_was_cached:
                raise
        del self._defaults[kind]  # it may be outdated: the server may have another default by now
        return predict(self._default(kind, deadline))

    def _stream(self, path: str, model: str | None, payload: dict[str, Any], timeout: float | None) -> TextStream:
        """POST to a route of OpenAI's dialect, whose answer is streamed. model: a name, or None for the default."""
        deadline = self.retries.until(timeout)
        options = {"model": model or self._default("text_generation", deadline), "stream": True}
        body = Body.json({**payload, **options, "stream_options": {"include_usage": True}})
        answer = self._request("POST", path, body, deadline, stream=True)
        return TextStream(answer, self.url, self.timeout)


def decode_object(answer: Any) -> dict[str, Any]:
    """The answer, which must be a JSON object. Raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError("the answer is an object")
    return answer


def decode_models(answer: Any) -> list[dict[str, Any]]:
    """The models in the answer of GET /v1/models. Raises KeyError or TypeError where one has no id or kind."""
    return [model for model in answer["data"] if model["id"] and model["kind"]]


def model_path(model: str, version: str | None = None) -> str:
    """The path of a model, or of one version of it."""
    path = f"/v1/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{quote(str(version), safe='')}"


def candidates_advice(candidates: list[dict[str, Any]]) -> str:
    """The end of the error about a missing default model: what the caller can name instead."""
    if not candidates:
        return "none is served there"
    return f"name one with model=: {', '.join(model['id'] for model in candidates)}"
