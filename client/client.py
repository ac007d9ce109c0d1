"""The client: predictions, completions, and what the server says about itself.

    with Client("http://127.0.0.1:1200") as client:
        client.predict([{"age": 31, "city": "Rome"}])
        client.generate("Once upon a time", max_tokens=20)

All goes through one route, KServe's and TensorFlow Serving's `/v1/models/<model>:predict`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic, sleep
from typing import Any, Literal, TypeVar, overload
from urllib.parse import quote

from .answers import Completion, Predictions
from .base_client import BaseClient
from .errors import ModelNotFound, ServerError, TimedOut, TransportError, Unavailable
from .retries import Retries
from .rows import dump, table
from .streams import TextStream
from .transport import Timeout

__all__ = ["Client"]

Answer = TypeVar("Answer")
Messages = list[dict[str, Any]]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two questions whether the server is ready
NEVER = Retries(0)  # for questions how the server is: that it cannot answer is the answer


class Client(BaseClient):
    """One server. Threads may share it; processes make their own.

    url: where the server is, `http://user:password@host` for basic authentication. api_key: where the
    server asks for one; it is sent as X-API-Key, so a proxy may have a password of its own. timeout: a
    Timeout, or one number of seconds for both of its parts; it limits each silence of the server,
    not the whole call. retries: a Retries, which says what is sent again, and when. `session` is the
    requests.Session underneath, to mount adapters on.

    The `timeout` of a method is the seconds its caller waits in all, tries and pauses together; the server is told
    what is left of them, and does not begin what would come too late.

    Every method raises a DaylightError: TransportError, InvalidRequest, Unavailable or ServerError.
    """

    def predict(
        self,
        rows: Any,
        model: str | None = None,
        *,
        version: str | None = None,
        outputs: str | Iterable[str] | None = None,
        top_k: int | None = None,
        timeout: float | None = None,
    ) -> Predictions:
        """Rows -> Predictions, a list with one prediction a row.

        rows: a list of dicts or of lists, one dict for one row, a dict of columns, or a DataFrame
        (NaN, NaT and NA are missing values). model: a name; None is the server's default for tables.
        outputs: names such as ["predict", "predict_proba"]; the list holds the first, `.outputs`
        all. top_k: only the k most probable labels of a row. Raises InvalidRequest whose `details`
        name row and column of everything that is wrong; ValueError or TypeError for what JSON cannot hold.
        """
        chosen = {"outputs": [outputs] if isinstance(outputs, str) else outputs, "top_k": top_k}
        body = {**table(rows), **given(chosen)}
        return self._predict("tabular", model, version, body, Predictions.from_answer, timeout)

    def generate(
        self,
        text: str,
        model: str | None = None,
        *,
        version: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | list[str] | None = None,
        timeout: float | None = None,
    ) -> Completion:
        """A prompt -> Completion, a str that holds what follows the prompt.

        model: a name; None is the server's default for text. max_tokens: tokens generated at most.
        temperature: 0 takes the likeliest token always. top_k, top_p: sample among the k likeliest
        tokens, or those that together have this probability. seed: the same seed gives the same
        text. stop: a string, or a list of them, that ends the text. None is the server's default.
        """
        if not isinstance(text, str):
            raise TypeError(f"the text is a str, not {type(text).__name__}")
        parameters = given(
            {
                "max_tokens": max_tokens,
                "temperature": temperature,
                "top_k": top_k,
                "top_p": top_p,
                "seed": seed,
                "stop": stop,
            }
        )
        body = {"instances": [text], "parameters": parameters}
        return self._predict("text_generation", model, version, body, Completion.from_answer, timeout)

    def stream(
        self, text: str, model: str | None = None, *, timeout: float | None = None, **parameters: Any
    ) -> TextStream:
        """A prompt -> TextStream, an iterator of the pieces of what follows, as they are written; close it to end.

        model: a name; None is the server's default for text. parameters: those of `generate`, and all others that
        the server knows. Raises as `generate`, at once or while it is iterated; what has begun is never sent again.
        """
        return self._stream("/v1/completions", model, {"prompt": text, **given(parameters)}, timeout)

    @overload
    def chat(
        self, messages: Messages, model: str | None = ..., *, stream: Literal[False] = ..., **parameters: Any
    ) -> Completion: ...

    @overload
    def chat(
        self, messages: Messages, model: str | None = ..., *, stream: Literal[True], **parameters: Any
    ) -> TextStream: ...

    def chat(
        self,
        messages: Messages,
        model: str | None = None,
        *,
        stream: bool = False,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Completion | TextStream:
        """Messages [{"role": "user", "content": "..."}, ...] -> the answer, a Completion; a TextStream if `stream`.

        model, parameters: as in `stream`. The model's own chat template makes a prompt of them.
        """
        body = {"messages": messages, **given(parameters)}
        if stream:
            return self._stream("/v1/chat/completions", model, body, timeout)
        ends = self.retries.until(timeout)
        content = dump({"model": model or self._default("text_generation", ends), **body})
        return self._ask("POST", "/v1/chat/completions", Completion.from_chat, content, ends)

    def models(self) -> list[dict[str, Any]]:
        """The models that are served: a list of dicts with "id", "kind", "version", "ready", "default" and more."""
        return self._ask("GET", "/v1/models", entries)

    def describe(self, model: str, version: str | None = None) -> dict[str, Any]:
        """What the server tells of one model, as a dict: kind, versions, columns and outputs, an example, metrics."""
        return self._ask("GET", address(model, version), record)

    def default(self, kind: str) -> str:
        """The name of the server's default model for "tabular" or "text_generation"; asked for once, then kept.

        Raises ModelNotFound naming the candidates where there is none.
        """
        return self._default(kind)

    def live(self) -> bool:
        """Whether the server answers at all. Raises InvalidRequest if what answers is not a Daylight server."""
        return self._healthy("/health/live")

    def ready(self) -> bool:
        """Whether every model is loaded. Raises InvalidRequest if what answers is not a Daylight server."""
        return self._healthy("/health/ready")

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Return as soon as the server is ready; raises TimedOut, saying what was the matter, after `seconds`."""
        deadline = monotonic() + seconds
        pause = FIRST_PAUSE
        while True:
            left = max(deadline - monotonic(), FIRST_PAUSE)
            limits = Timeout(*(left if limit is None else min(limit, left) for limit in self.timeout))
            try:
                return self._ask("GET", "/health/ready", lambda _: None, retries=NEVER, limits=limits)
            except (TransportError, Unavailable, ServerError) as error:
                last = error
            if monotonic() + pause > deadline:
                raise TimedOut(f"{self.url} was not ready within {seconds:g} s: {last}") from last
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _default(self, kind: str, ends: float | None = None) -> str:
        if kind not in self._defaults:
            served = self._ask("GET", "/v1/models", entries, ends=ends)
            if not served:  # a server whose models are still loading lists none, and says why here
                self._ask("GET", "/health/ready", record, ends=ends)
            candidates = [entry for entry in served if entry["kind"] == kind]
            names = [entry["id"] for entry in candidates if entry.get("default")]
            if len(names) != 1:
                raise ModelNotFound(f"{self.url} has no default {kind} model; {choice(candidates)}")
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
        body: dict[str, Any],
        read: Callable[[Any], Answer],
        timeout: float | None,
    ) -> Answer:
        content, ends = dump(body), self.retries.until(timeout)
        if model is not None:
            return self._ask("POST", f"{address(model, version)}:predict", read, content, ends)
        known = self._defaults.get(kind)
        try:
            return self._ask("POST", f"{address(self._default(kind, ends), version)}:predict", read, content, ends)
        except ModelNotFound:
            if known is None:
                raise
        self._defaults.pop(kind, None)  # learnt a while ago; the server may serve another one by now
        return self._ask("POST", f"{address(self._default(kind, ends), version)}:predict", read, content, ends)

    def _stream(self, path: str, model: str | None, body: dict[str, Any], timeout: float | None) -> TextStream:
        ends = self.retries.until(timeout)
        options = {"model": model or self._default("text_generation", ends), "stream": True}
        content = dump({**body, **options, "stream_options": {"include_usage": True}})
        answer = self._request("POST", path, content, ends, stream=True)
        return TextStream(answer, self.url, self.timeout)


def record(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise TypeError("the answer is an object")
    return answer


def entries(answer: Any) -> list[dict[str, Any]]:
    """The entries of GET /v1/models, each of which has an id and a kind."""
    return [entry for entry in answer["data"] if entry["id"] and entry["kind"]]


def given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def address(model: str, version: str | None = None) -> str:
    """The path of a model, or of one version of it."""
    path = f"/v1/models/{quote(model, safe='')}"
    return path if version is None else f"{path}/versions/{quote(str(version), safe='')}"


def choice(candidates: list[dict[str, Any]]) -> str:
    if not candidates:
        return "none is served there"
    return f"name one with model=: {', '.join(entry['id'] for entry in candidates)}"
