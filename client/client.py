"""The client: predictions, completions, chats, and what the server serves.

    with Client("http://127.0.0.1:1200") as client:
        client.predict([{"age": 31, "city": "Rome"}])
        client.generate("Once upon a time", max_tokens=20)

`predict` and `generate` use `/v1/models/<model>:predict`, the protocol of KServe and TensorFlow Serving; `stream` and
`chat` use `/v1/completions` and `/v1/chat/completions`, that of OpenAI. What encoders are asked is in text_methods.py,
what classifiers of images are in image_methods.py, what networks are in tensor_methods.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic, sleep
from typing import Any, Literal, overload
from urllib.parse import urlencode

from .answers import Completion, Predictions
from .base_client import NO_RETRIES, Body, decode_models, decode_object, model_path
from .errors import ServerError, TimedOut, TransportError, Unavailable
from .image_methods import ImageMethods
from .rows import table, without_none
from .streams import TextStream
from .tensor_methods import TensorMethods
from .text_methods import TextMethods

__all__ = ["Client"]

Messages = list[dict[str, Any]]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two readiness checks


class Client(TextMethods, ImageMethods, TensorMethods):
    """One server. Threads may share a client; each process needs its own.

    url: the server's, `http://user:password@host` for basic authentication. api_key: the key, if the
    server requires one; it is sent as X-API-Key, so a proxy can still use basic authentication. timeout: a
    Timeout, or one number of seconds for both of its parts; it limits each silence of the server,
    not the whole call. retries: a Retries, the rules for sending requests again. `session` is the
    requests.Session in use, to mount adapters on.

    The `timeout` of a method limits the whole call, all tries and pauses together, in seconds. The server is told
    how much of it is left, and does not start work that would end too late.

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
        """Rows -> Predictions, a list with one prediction per row.

        rows: a list of dicts or of lists, one dict for one row, a dict of columns, a DataFrame
        (NaN, NaT and NA are missing values), or the bytes of a CSV file with a header line, which the
        server reads by the kinds of the model's columns. model: a name; None is the server's default for
        tables. outputs: names such as ["predict", "predict_proba"]; the list holds the first, `.outputs`
        all. top_k: only the k most probable labels of a row. Raises InvalidRequest whose `details` name
        the row and column of every violation; ValueError or TypeError for values that JSON cannot hold.
        """
        output_names = [outputs] if isinstance(outputs, str) else outputs
        if isinstance(rows, bytes):
            joined_names = None if output_names is None else ",".join(output_names)
            body = Body(rows, "text/csv", urlencode(without_none({"outputs": joined_names, "top_k": top_k})))
        else:
            body = Body.json({**table(rows), **without_none({"outputs": output_names, "top_k": top_k})})
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
        temperature: 0 always takes the most probable token. top_k, top_p: sample among the k most probable
        tokens, or among those that together have this probability. seed: the same seed gives the same
        text. stop: a string, or a list of strings, that ends the text. None is the server's default.
        """
        if not isinstance(text, str):
            raise TypeError(f"the text is a str, not {type(text).__name__}")
        parameters = without_none(
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
        """A prompt -> TextStream, an iterator over the pieces of the text as they are generated; closing it ends them.

        model: a name; None is the server's default for text. parameters: those of `generate`, and all others of
        the server's OpenAI routes. Raises what `generate` raises, at once or during iteration; a stream that has
        begun is never retried.
        """
        return self._stream("/v1/completions", model, {"prompt": text, **without_none(parameters)}, timeout)

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
        """Messages [{"role": "user", "content": "..."}, ...] -> the answer: a Completion, or a TextStream if `stream`.

        model, parameters: as in `stream`. The model's chat template turns the messages into a prompt.
        """
        payload = {"messages": messages, **without_none(parameters)}
        if stream:
            return self._stream("/v1/chat/completions", model, payload, timeout)
        deadline = self.retries.until(timeout)
        body = Body.json({"model": model or self._default("text_generation", deadline), **payload})
        return self._ask("POST", "/v1/chat/completions", Completion.from_chat, body, deadline)

    def models(self) -> list[dict[str, Any]]:
        """The served models: a list of dicts with "id", "kind", "version", "ready", "default" and more."""
        return self._ask("GET", "/v1/models", decode_models)

    def describe(self, model: str, version: str | None = None) -> dict[str, Any]:
        """The description of one model, as a dict: kind, versions, columns and outputs, an example, metrics."""
        return self._ask("GET", model_path(model, version), decode_object)

    def default(self, kind: str) -> str:
        """The name of the server's default model of a kind, such as "tabular"; asked for once, then cached.

        Raises ModelNotFound, which names the candidates, if there is none.
        """
        return self._default(kind)

    def live(self) -> bool:
        """Whether the server answers at all. Raises InvalidRequest if it is not a Daylight server."""
        return self._healthy("/health/live")

    def ready(self) -> bool:
        """Whether every model is loaded. Raises InvalidRequest if it is not a Daylight server."""
        return self._healthy("/health/ready")

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Return as soon as the server is ready; raises TimedOut, with the last error, after `seconds`."""
        deadline = monotonic() + seconds
        pause = FIRST_PAUSE
        while True:
            seconds_left = max(deadline - monotonic(), FIRST_PAUSE)
            try:
                return self._ask(
                    "GET",
                    "/health/ready",
                    lambda _: None,
                    retries=NO_RETRIES,
                    timeout=self.timeout.within(seconds_left),
                )
            except (TransportError, Unavailable, ServerError) as error:
                last_error = error
            if monotonic() + pause > deadline:
                raise TimedOut(f"{self.url} was not ready within {seconds:g} s: {last_error}") from last_error
            sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
