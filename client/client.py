"""The client: predictions, completions, chats, and what the server serves.

    with Client("http://127.0.0.1:1200") as client:
        client.predict([{"age": 31, "city": "Rome"}])
        client.generate("Once upon a time", max_tokens=20)

What its methods do is written in the modules of calls, which AsyncClient shares; here they are run, with requests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import requests

from . import generation_calls, image_calls, server_calls, table_calls, tensor_calls, text_calls
from .answers import Completion
from .base_client import BaseClient, is_refusal, refusal
from .calls import Call, Pause, Request, method_signature
from .errors import DaylightError
from .generation_calls import CHATS, COMPLETIONS, Messages
from .streams import TextStream
from .transport import session, transport_error

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

__all__ = ["Client"]

Returned = TypeVar("Returned")


def blocking(call: Callable[Concatenate[Any, P], Call[Returned]]) -> Callable[Concatenate[Client, P], Returned]:
    """The method of Client that runs a call to its end."""

    @wraps(call)
    def method(self: Client, *args: P.args, **kwargs: P.kwargs) -> Returned:
        return self._run(call(self, *args, **kwargs))

    method.__signature__ = method_signature(call)  # type: ignore[attr-defined]
    return method


class Client(BaseClient):
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

    def _open(self) -> None:
        self.session = session()
        self.session.headers.update(self._headers)
        if any(self._auth):
            self.session.auth = self._auth

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self.session.close()

    predict = blocking(table_calls.predict)
    predict_frame = blocking(table_calls.predict_frame)
    generate = blocking(generation_calls.generate)
    classify = blocking(text_calls.classify)
    embed = blocking(text_calls.embed)
    rerank = blocking(text_calls.rerank)
    classify_tokens = blocking(text_calls.classify_tokens)
    classify_zero_shot = blocking(text_calls.classify_zero_shot)
    fill_mask = blocking(text_calls.fill_mask)
    classify_images = blocking(image_calls.classify_images)
    run = blocking(tensor_calls.run)
    models = blocking(server_calls.models)
    describe = blocking(server_calls.describe)
    default = blocking(server_calls.default)
    live = blocking(server_calls.live)
    ready = blocking(server_calls.ready)
    wait_until_ready = blocking(server_calls.wait_until_ready)

    def stream(
        self, text: str, model: str | None = None, *, timeout: float | None = None, **parameters: Any
    ) -> TextStream:
        """A prompt -> TextStream, an iterator over the pieces of the text as they are generated; closing it ends them.

        model: a name; None is the server's default for text. parameters: those of `generate`, and all others of
        the server's OpenAI routes. Raises what `generate` raises, at once or during iteration; a stream that has
        begun is never retried.
        """
        return self._stream(COMPLETIONS, {"prompt": text}, model, timeout, parameters)

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
        if stream:
            return self._stream(CHATS, {"messages": messages}, model, timeout, parameters)
        return self._run(generation_calls.chat(self, messages, model, timeout, parameters))

    def _stream(
        self, path: str, asked: dict[str, Any], model: str | None, timeout: float | None, parameters: dict[str, Any]
    ) -> TextStream:
        answer = self._run(generation_calls.open_stream(self, path, asked, model, timeout, parameters))
        return TextStream(answer, self.url, self.timeout)

    def _run(self, call: Call[Returned]) -> Returned:
        """What a call returns: its requests are sent, one after the other."""
        try:
            step = next(call)
            while True:
                try:
                    outcome = self._take(step)
                except DaylightError as error:
                    step = call.throw(error)
                else:
                    step = call.send(outcome)
        except StopIteration as end:
            return end.value

    def _take(self, step: Request | Pause) -> requests.Response | None:
        """Take one step of a call: the only place where a request is sent."""
        if isinstance(step, Pause):
            (time.sleep if self.retries.sleep is None else self.retries.sleep)(step.seconds)
            return None
        try:
            answer = self.session.request(
                step.method,
                self.url + step.path,
                data=step.content,
                headers=step.headers,
                timeout=step.timeout,
                allow_redirects=False,
                stream=step.stream,
            )
            if is_refusal(answer.status_code):
                raise refusal(answer, self.url)
        except requests.RequestException as error:
            raise transport_error(error, self.url, step.timeout) from error
        return answer
