"""A streamed text for AsyncClient: the pieces of streams.TextStream, awaited.

async with await client.stream("Once upon a time", max_tokens=200) as pieces:
    async for piece in pieces:
        print(piece, end="", flush=True)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx2

from .async_transport import transport_error
from .calls import Answer, Timeout
from .streams import LAST, StreamedText

__all__ = ["AsyncTextStream"]


class AsyncTextStream(StreamedText):
    """An iterator over the pieces of a text, for `async for`. Closing it ends generation within one token.

    text: all pieces so far. finish_reason, usage: set after the last piece; None until then, or if closed early.
    """

    def __init__(self, answer: Answer, url: str, timeout: Timeout) -> None:
        super().__init__(answer, url, timeout)
        self._pieces = self._read_pieces()

    def __aiter__(self) -> AsyncTextStream:
        return self

    async def __anext__(self) -> str:
        return await self._pieces.__anext__()

    async def __aenter__(self) -> AsyncTextStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection, which ends generation; no effect after the end of the text."""
        await self._pieces.aclose()
        await self._answer.aclose()

    async def _read_pieces(self) -> AsyncGenerator[str, None]:
        try:
            async for chunk in self._answer.aiter_bytes():
                for piece in self._feed(chunk):
                    yield piece
                if self._ended:
                    return
            for piece in self._feed(LAST):
                yield piece
        except httpx2.HTTPError as error:
            raise transport_error(error, self._url, self._timeout) from error
        finally:
            await self._answer.aclose()
        self._check_ended()
