"""A streamed text: the server's events, decoded to pieces of text.

    with client.stream("Once upon a time", max_tokens=200) as pieces:
        for piece in pieces:
            print(piece, end="", flush=True)
    pieces.finish_reason, pieces.usage          # "length", {"completion_tokens": 200, ...}

Protocol: OpenAI's streamed completions, as server-sent events.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from itertools import chain
from typing import Any

import requests

from .calls import Answer, Timeout
from .errors import ServerError, excerpt, from_answer
from .transport import transport_error

__all__ = ["LAST", "StreamedText", "TextStream"]

DATA, DONE = b"data:", b"[DONE]"
LAST = b"\n"  # after the last line, which may not have one
CHUNK = 512  # bytes; what comes in a chunk of its own is read at once


class StreamedText:
    """A text as it comes in events: what every stream knows, and how it reads them.

    text: all pieces so far. finish_reason, usage: set after the last piece; None until then, or if closed early.
    """

    def __init__(self, answer: Answer, url: str, timeout: Timeout) -> None:
        """answer: of requests or httpx2, its body not read; it is closed with this object."""
        self.finish_reason: str | None = None
        self.usage: dict[str, int] | None = None
        self.text = ""
        self._answer: Any = answer
        self._url, self._timeout = url, timeout
        self._rest = b""
        self._ended = False

    def _feed(self, chunk: bytes) -> Iterator[str]:
        """The pieces of text in the lines that end in these bytes. Raises the error that a line reports.

        Only a line feed ends a line: other characters that end lines elsewhere, such as U+2028, are a part of the text.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(DATA):
                continue  # empty lines between events, and comments, which keep the connection alive
            data = line[len(DATA) :].strip()
            if data == DONE:
                self._ended = True
                return
            piece = self._decode_event(data)
            if piece:
                self.text += piece
                yield piece

    def _check_ended(self) -> None:
        """Raise ServerError where all has been read, and the text has not ended."""
        if not self._ended:
            message = f"the stream of {self._url} ended in its middle"
            raise ServerError(message, status=self._answer.status_code)

    def _decode_event(self, data: bytes) -> str:
        """One event -> its piece of text, which may be "". Raises the error that the event reports."""
        try:
            event = json.loads(data)
            is_error = "error" in event
            self.usage = event.get("usage") or self.usage
            choice = (event.get("choices") or [{}])[0]
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            piece = choice.get("text", choice.get("delta", {}).get("content"))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            message = f"{self._url} streamed something unexpected{excerpt(data)}"
            raise ServerError(message, status=self._answer.status_code) from error
        if is_error:
            raise from_answer(500, self._answer.headers, data)
        return piece or ""


class TextStream(StreamedText):
    """An iterator over the pieces of a text, none of them empty. Closing it ends generation within one token.

    text: all pieces so far. finish_reason, usage: set after the last piece; None until then, or if closed early.
    """

    def __init__(self, answer: Answer, url: str, timeout: Timeout) -> None:
        super().__init__(answer, url, timeout)
        self._pieces = self._read_pieces()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._pieces)

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, which ends generation; no effect after the end of the text."""
        self._answer.close()
        self._pieces.close()

    def _read_pieces(self) -> Generator[str, None, None]:
        try:
            for chunk in chain(self._answer.iter_content(CHUNK), [LAST]):
                yield from self._feed(chunk)
                if self._ended:
                    return
        except requests.RequestException as error:
            raise transport_error(error, self._url, self._timeout) from error
        finally:
            self._answer.close()
        self._check_ended()
