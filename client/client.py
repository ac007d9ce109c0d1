"""The client: predictions, completions, and what the server says about itself.

    with Client("http://127.0.0.1:1200") as client:
        client.predict([{"age": 31, "city": "Rome"}])
        client.generate("Once upon a time", max_tokens=20)

All goes through one route, KServe's and TensorFlow Serving's `/v1/models/<model>:predict`.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic, sleep
from typing import Any, Literal, overload
from urllib.parse import urlencode

from .answers import Completion, Predictions
from .base_client import NEVER, BaseClient, Body, entries, model_path, record
from .errors import ServerError, TimedOut, TransportError, Unavailable
from .rows import table
from .streams import TextStream

__all__ = ["Client"]

Messages = list[dict[str, Any]]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two questions whether the server is ready


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

        rows: a list of dicts or of lists, one dict for one row, a dict of columns, a DataFrame
        (NaN, NaT and NA are missing values), or the bytes of a CSV file with a header line, which the
        server reads by the kinds of the model's columns. model: a name; None is the server's default for
        tables. outputs: names such as ["predict", "predict_proba"]; the list holds the first, `.outputs`
        all. top_k: only the k most probable labels of a row. Raises InvalidRequest whose `details`
        name row and column of everything that is wrong; ValueError or TypeError for what JSON cannot hold.
        """
        names = [outputs] if isinstance(outputs, str) else outputs
        if isinstance(rows, bytes):
            joined = None if names is None else ",".join(names)
            body = Body(rows, "text/csv", urlencode(given({"outputs": joined, "top_k": top_k})))
        else:
            body = Body.json({**table(rows), **given({"outputs": names, "top_k": top_k})})
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
        body = Body.json({"instances": [text], "parameters": parameters})
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
        call = {"messages": messages, **given(parameters)}
        if stream:
            return self._stream("/v1/chat/completions", model, call, timeout)
        deadline = self.retries.until(timeout)
        body = Body.json({"model": model or self._default("text_generation", deadline), **call})
        return self._ask("POST", "/v1/chat/completions", Completion.from_chat, body, deadline)

    def models(self) -> list[dict[str, Any]]:
        """The models that are served: a list of dicts with "id", "kind", "version", "ready", "default" and more."""
        return self._ask("GET", "/v1/models", entries)

    def describe(self, model: str, version: str | None = None) -> dict[str, Any]:
        """What the server tells of one model, as a dict: kind, versions, columns and outputs, an example, metrics."""
        return self._ask("GET", model_path(model, version), record)

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
            try:
                return self._ask(
                    "GET", "/health/ready", lambda _: None, retries=NEVER, timeout=self.timeout.within(left)
                )
            except (TransportError, Unavailable, ServerError) as error:
                last = error
            if monotonic() + pause > deadline:
                raise TimedOut(f"{self.url} was not ready within {seconds:g} s: {last}") from last
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
