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

import requests

from .errors import ServerError, excerpt, from_answer
from .transport import Timeout, transport_error

__all__ = ["TextStream"]

DATA, DONE = b"data:", b"[DONE]"


class TextStream:
    """An iterator over the pieces of a text, none of them empty. Closing it ends generation within one token.

    text: all pieces so far. finish_reason, usage: set after the last piece; None until then, or if closed early.
    """

    def __init__(self, answer: requests.Response, url: str, timeout: Timeout) -> None:
        """answer: a streaming requests.Response, which is closed with this object."""
        self.finish_reason: str | None = None
        self.usage: dict[str, int] | None = None
        self.text = ""
        self._answer, self._url, self._timeout = answer, url, timeout
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
            for line in self._answer.iter_lines():
                if not line.startswith(DATA):
                    continue  # empty lines between events, and comments, which keep the connection alive
                data = line[len(DATA) :].strip()
                if data == DONE:
                    return
                piece = self._decode_event(data)
                if piece:
                    self.text += piece
                    yield piece
        except requests.RequestException as error:
            raise transport_error(error, self._url, self._timeout) from error
        finally:
            self._answer.close()
        raise ServerError(f"the stream of {self._url} ended in its middle", status=self._answer.status_code)

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
