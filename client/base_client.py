"""The base of Client and AsyncClient: an address, and what calls are made of. Nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

from requests.utils import get_auth_from_url, urldefragauth

from .calls import Answer, Body, Call, Request, Timeout
from .errors import DaylightError, ModelNotFound, ServerError, excerpt, from_answer
from .pieces import Limits
from .retries import Retries
from .version import __version__

__all__ = ["NO_RETRIES", "BaseClient", "decode_models", "decode_object", "is_refusal", "model_path", "refusal"]

Decoded = TypeVar("Decoded")

TIMEOUT = Timeout()
MAX_REQUEST_TIMEOUT = 86_400.0  # seconds; the server accepts no longer X-Request-Timeout
NO_RETRIES = Retries(0)  # for health checks: a failure is the answer


class BaseClient:
    """One server. The arguments are those of Client. The methods are calls, or parts of calls."""

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
        self._auth = get_auth_from_url(url)  # two texts, empty where the URL has none
        self._headers = {"Accept": "application/json", "User-Agent": f"daylight-client/{__version__}"}
        if api_key:
            self._headers["X-API-Key"] = api_key
        self._defaults: dict[str, str] = {}  # kind: the name of the default model, as the server last listed it
        self._limits: Limits | None = None  # of one request, as the server last told them
        self._open()

    def _open(self) -> None:
        """Make what sends requests, with `_headers` and `_auth`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, timeout={self.timeout})"

    def _ask(
        self,
        method: str,
        path: str,
        decode: Callable[[Any], Decoded],
        body: Body | None = None,
        deadline: float | None = None,
        *,
        retries: Retries | None = None,
        timeout: Timeout | None = None,
    ) -> Call[Decoded]:
        """One request and its answer, decoded from JSON and by `decode`.

        deadline: when the whole call must be over, by the clock of the Retries. retries, timeout: instead of
        those of the client.
        """
        answer = yield from self._request(method, path, body, deadline, retries=retries, timeout=timeout)
        try:
            return decode(json.loads(answer.content))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise self._unexpected(path, answer, excerpt(answer.content)) from error

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
    ) -> Call[Answer]:
        """One request; its retries have the same id. Raises a DaylightError for an answer other than 2xx."""
        headers = {"X-Request-ID": uuid4().hex}
        content = None
        if body is not None:
            content, headers["Content-Type"] = body.content, body.media_type
            headers.update(body.headers)
            path = f"{path}?{body.query}" if body.query else path
        try_timeout = timeout or self.timeout

        def request(seconds_left: float | None) -> Request:
            if seconds_left is None:
                return Request(method, path, try_timeout, content, headers, stream)
            told = {**headers, "X-Request-Timeout": f"{min(max(seconds_left, 0.001), MAX_REQUEST_TIMEOUT):.3f}"}
            return Request(method, path, try_timeout.within(seconds_left), content, told, stream, seconds_left)

        return (yield from (retries or self.retries).tries(request, deadline))

    def _unexpected(self, path: str, answer: Answer, shown: str = "") -> ServerError:
        return ServerError(
            f"{self.url} answered {path} with something unexpected{shown}",
            status=answer.status_code,
            request_id=answer.headers.get("X-Request-ID"),
        )

    def _default(self, kind: str, deadline: float | None = None) -> Call[str]:
        """The name of the default model of a kind. Raises ModelNotFound naming the candidates where there is none."""
        if kind not in self._defaults:
            models = yield from self._ask("GET", "/v1/models", decode_models, deadline=deadline)
            if not models:  # a server that still loads its models lists none; its readiness raises the reason
                yield from self._ask("GET", "/health/ready", decode_object, deadline=deadline)
            candidates = [model for model in models if model["kind"] == kind]
            default_names = [model["id"] for model in candidates if model.get("default")]
            if len(default_names) != 1:
                raise ModelNotFound(f"{self.url} has no default {kind} model; {candidates_advice(candidates)}")
            self._defaults[kind] = default_names[0]
        return self._defaults[kind]

    def _predict(
        self,
        kind: str,
        model: str | None,
        version: str | None,
        body: Body,
        decode: Callable[[Any], Decoded],
        timeout: float | None,
    ) -> Call[Decoded]:
        """POST to the `:predict` route of a model, or of the default model of a kind."""
        deadline = self.retries.until(timeout)

        def predict(name: str) -> Call[Decoded]:
            return self._ask("POST", f"{model_path(name, version)}:predict", decode, body, deadline)

        return (yield from self._of_model(kind, model, predict, deadline))

    def _of_model(
        self, kind: str, model: str | None, predict: Callable[[str], Call[Decoded]], deadline: float | None
    ) -> Call[Decoded]:
        """What `predict` gives for the name of a model, or of the default model of a kind."""
        if model is not None:
            return (yield from predict(model))
        default_was_cached = kind in self._defaults
        try:
            return (yield from predict((yield from self._default(kind, deadline))))
        except ModelNotFound:
            if not default_was_cached:
                raise
        self._defaults.pop(kind, None)  # it may be outdated: the server may have another default by now
        return (yield from predict((yield from self._default(kind, deadline))))


def is_refusal(status: int) -> bool:
    """Whether an answer of this status is an error to the client, as all but 2xx are."""
    return not 200 <= status < 300


def refusal(answer: Answer, url: str) -> DaylightError:
    """The error of an answer, whose body has been read."""
    status, headers = answer.status_code, answer.headers
    # A redirected POST would arrive as a GET, so a redirect is an error, which names the URL to use instead.
    if 300 <= status < 400 and "Location" in headers:
        return ServerError(f"{url} redirects to {headers['Location']}", status=status)
    return from_answer(status, headers, answer.content)


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
