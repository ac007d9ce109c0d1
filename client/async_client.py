"""The client for asyncio: the methods of Client, awaited. Needs httpx2: `pip install 'daylight-client[async]'`.

    async with AsyncClient("http://127.0.0.1:1200") as client:
        answers = await asyncio.gather(*(client.predict(rows) for rows in tables))

What its methods do is written in the modules of calls, which Client shares; here they are run, with httpx2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from . import generation_calls, image_calls, server_calls, table_calls, tensor_calls, text_calls
from .answers import Completion
from .base_client import BaseClient
from .calls import Call, Pause, Request, method_signature
from .errors import DaylightError
from .generation_calls import CHATS, COMPLETIONS, Messages

if TYPE_CHECKING:
    import httpx2
    from typing_extensions import Concatenate, ParamSpec

    from .async_streams import AsyncTextStream

    P = ParamSpec("P")

__all__ = ["AsyncClient"]

Returned = TypeVar("Returned")


def awaited(
    call: Callable[Concatenate[Any, P], Call[Returned]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, Returned]]:
    """The method of AsyncClient that runs a call to its end."""

    @wraps(call)
    async def method(self: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> Returned:
        return await self._run(call(self, *args, **kwargs))

    method.__signature__ = method_signature(call)  # type: ignore[attr-defined]
    return method


class AsyncClient(BaseClient):
    """One server. The tasks of one event loop may share a client; another loop needs its own.

    The arguments, methods, answers and errors are those of Client. `session` is the httpx2.AsyncClient in use. It has
    32 connections at most: further calls wait until one is free, and an open stream keeps one. A call whose task is
    cancelled closes its connection. The constructor raises ImportError without httpx2.
    """

    def _open(self) -> None:
        try:
            from . import async_streams, async_transport
        except ModuleNotFoundError as error:
            message = f"AsyncClient needs {error.name}: pip install 'daylight-client[async]'"
            raise ImportError(message, name=error.name) from error
        self._transport, self._streams = async_transport, async_streams
        self.session: httpx2.AsyncClient = async_transport.session(
            self._headers, self._auth if any(self._auth) else None
        )

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the kept connections."""
        await self.session.aclose()

    predict = awaited(table_calls.predict)
    predict_frame = awaited(table_calls.predict_frame)
    generate = awaited(generation_calls.generate)
    classify = awaited(text_calls.classify)
    embed = awaited(text_calls.embed)
    rerank = awaited(text_calls.rerank)
    classify_tokens = awaited(text_calls.classify_tokens)
    classify_zero_shot = awaited(text_calls.classify_zero_shot)
    fill_mask = awaited(text_calls.fill_mask)
    classify_images = awaited(image_calls.classify_images)
    run = awaited(tensor_calls.run)
    models = awaited(server_calls.models)
    describe = awaited(server_calls.describe)
    default = awaited(server_calls.default)
    live = awaited(server_calls.live)
    ready = awaited(server_calls.ready)
    wait_until_ready = awaited(server_calls.wait_until_ready)

    async def stream(
        self, text: str, model: str | None = None, *, timeout: float | None = None, **parameters: Any
    ) -> AsyncTextStream:
        """A prompt -> AsyncTextStream, over the pieces of the text as they are generated; closing it ends them.

        model, parameters, errors: as in Client.stream.
        """
        return await self._stream(COMPLETIONS, {"prompt": text}, model, timeout, parameters)

    @overload
    async def chat(
        self, messages: Messages, model: str | None = ..., *, stream: Literal[False] = ..., **parameters: Any
    ) -> Completion: ...

    @overload
    async def chat(
        self, messages: Messages, model: str | None = ..., *, stream: Literal[True], **parameters: Any
    ) -> AsyncTextStream: ...

    async def chat(
        self,
        messages: Messages,
        model: str | None = None,
        *,
        stream: bool = False,
        timeout: float | None = None,
        **parameters: Any,
    ) -> Completion | AsyncTextStream:
        """Messages -> the answer: a Completion, or an AsyncTextStream if `stream`; as Client.chat."""
        if stream:
            return await self._stream(CHATS, {"messages": messages}, model, timeout, parameters)
        return await self._run(generation_calls.chat(self, messages, model, timeout, parameters))

    async def _stream(
        self, path: str, asked: dict[str, Any], model: str | None, timeout: float | None, parameters: dict[str, Any]
    ) -> AsyncTextStream:
        answer = await self._run(generation_calls.open_stream(self, path, asked, model, timeout, parameters))
        return self._streams.AsyncTextStream(answer, self.url, self.timeout)

    async def _run(self, call: Call[Returned]) -> Returned:
        """What a call returns: its requests are sent, one after the other."""
        try:
            step = next(call)
            while True:
                try:
                    outcome = await self._take(step)
                except DaylightError as error:
                    step = call.throw(error)
                else:
                    step = call.send(outcome)
        except StopIteration as end:
            return end.value

    async def _take(self, step: Request | Pause) -> httpx2.Response | None:
        """Take one step of a call."""
        if isinstance(step, Pause):
            await (asyncio.sleep if self.retries.sleep is None else self.retries.sleep)(step.seconds)
            return None
        return await self._transport.take(self.session, self.url, step)
