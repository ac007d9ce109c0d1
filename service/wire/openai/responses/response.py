"""OpenAI's answer to a request for a response, whole or as the events of a stream.

    form = Form(model, request, decoded)
    form.whole(completions)                 # {"id": "resp_...", "object": "response", "output": [...], ...}
    form.opening(0), form.chunk(0, " there"), form.closing(generations)

Reference: https://platform.openai.com/docs/api-reference/responses-streaming. A whole answer is the last state of a
stream.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson

from ....capabilities import Part, count_tokens
from ...adapter import Decoded, Request
from ...json_body import dump
from .. import sse
from ..logprobs import ChoiceLogprobs
from .output import Output

__all__ = ["Form"]

STATUS = {"stop": "completed", "length": "incomplete", "cancelled": "cancelled"}  # by the finish reason


class Form:
    """The answer to one request: one choice, and its output items."""

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(self, model: Any, request: Request, decoded: Decoded) -> None:
        """model: its `name`, what ChoiceLogprobs reads, and `reader`, where there are tools."""
        self.call = decoded.call
        self._reader = None if self.call.tools is None else model.reader(self.call.tools)
        self._logprobs = None if self.call.logprobs is None else ChoiceLogprobs(model, chat=True)
        self._output = Output()
        self._number = 0  # of the next event
        self._head = {
            "id": f"resp_{request.id}",
            "object": "response",
            "created_at": int(time.time()),
            "model": model.name,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "max_tool_calls": None,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "store": False,
            "truncation": "disabled",
            **decoded.note,
        }
        self._status = "in_progress"

    def whole(self, completions: Sequence[Any]) -> dict[str, Any]:
        """The one completion -> the answer."""
        (completion,) = completions
        self._take(completion.text, completion.logprobs, completion.finish_reason)
        return self._response(self._usage(completions))

    def opening(self, _place: int) -> list[bytes]:
        return self._frames(
            [(f"response.{event}", {"response": self._response()}) for event in ("created", "in_progress")]
        )

    def chunk(
        self, _place: int, piece: str, logprobs: Sequence[Any] = (), finish_reason: str | None = None
    ) -> list[bytes]:
        """The events of one piece; with the reason, also those that end the output."""
        return self._frames(self._take(piece, logprobs, finish_reason))

    def closing(self, generations: Sequence[Any]) -> list[bytes]:
        """The last event: the whole response."""
        event = "response.completed" if self._status == "completed" else "response.incomplete"
        return self._frames([(event, {"response": self._response(self._usage(generations))})])

    def failed(self, body: bytes) -> list[bytes]:
        """The last event, where the status has been sent. body: the error's."""
        self._status = "failed"
        error = {"code": "server_error", "message": orjson.loads(body)["error"]["message"]}
        return self._frames([("response.failed", {"response": {**self._response(), "error": error}})])

    def _take(self, piece: str, logprobs: Sequence[Any], finish_reason: str | None) -> list[tuple[str, dict[str, Any]]]:
        """The next piece of the text -> (event, its members)."""
        told = [] if self._logprobs is None else self._logprobs.beside(piece, logprobs, finish_reason)["content"]
        events = self._output.add(self._parts(piece, ended=finish_reason is not None), told)
        if finish_reason is not None:
            self._status = STATUS[finish_reason]
            events += self._output.end("completed" if self._status == "completed" else "incomplete")
        return events

    def _parts(self, piece: str, *, ended: bool) -> list[Part]:
        if self._reader is None:
            return [Part("text", piece)] if piece else []
        return self._reader.push(piece) + (self._reader.flush() if ended else [])

    def _response(self, usage: dict[str, Any] | None = None) -> dict[str, Any]:
        incomplete = {"reason": "max_output_tokens"} if self._status == "incomplete" else None
        state = {"status": self._status, "incomplete_details": incomplete, "output": self._output.items, "usage": usage}
        return self._head | state

    def _usage(self, completions: Sequence[Any]) -> dict[str, Any]:
        prompt, completion = count_tokens(completions, 1)
        return {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        }

    def _frames(self, events: list[tuple[str, dict[str, Any]]]) -> list[bytes]:
        frames = []
        for name, members in events:
            frames.append(sse.frame(dump({"type": name, "sequence_number": self._number, **members}), name))
            self._number += 1
        return frames
