"""Ollama's answers, whole or as the lines of a stream.

encode(True, model, request, decoded, answer).content   # b'{"model":"smollm2",...,"message":{...},"done":true,...}'
form = Form(True, model, request, decoded)
form.opening(0), form.chunk(0, " there"), form.closing(generations)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from ...capabilities import Part, count_tokens
from ..adapter import Decoded, Encoded, Request
from ..json_body import dump

__all__ = ["MEDIA_TYPE", "Form", "encode"]

MEDIA_TYPE = "application/x-ndjson"


def encode(chat: bool, model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TextAnswer, whole. chat: whether it holds a message instead of a text."""
    return Encoded(dump(Form(chat, model, request, decoded).whole(answer.completions, answer.seconds["predict"])))


class Form:
    """The answer to one request; without a prompt it says that the model is loaded."""

    media_type = MEDIA_TYPE
    ping = b""  # clients parse every line

    def __init__(self, chat: bool, model: Any, _request: Request, decoded: Decoded) -> None:
        """model: its `name`, and `reader`, where there are tools."""
        self.chat, self.model, self.call = chat, model, decoded.call
        self._reader = None if self.call.tools is None else model.reader(self.call.tools)
        self._calling: list[str] = []  # the name of the function that is being called, and pieces of its arguments
        self._began = perf_counter()
        self._first: float | None = None  # the moment of the first piece

    def whole(self, completions: Sequence[Any], seconds: float) -> dict[str, Any]:
        """At most one completion -> the answer. seconds: that it took, those of reading the prompt among them."""
        text, calls = self._take("".join(each.text for each in completions), ended=True)
        return self._line(text, calls) | self._ending(completions, seconds, {"eval_duration": nanoseconds(seconds)})

    def opening(self, _place: int) -> list[bytes]:
        return []

    def chunk(
        self, _place: int, piece: str, _logprobs: Sequence[Any] = (), finish_reason: str | None = None
    ) -> list[bytes]:
        """The line of a piece; none where nothing is certain yet."""
        self._first = self._first or perf_counter()
        text, calls = self._take(piece, ended=finish_reason is not None)
        return [line(self._line(text, calls) | {"done": False})] if text or calls else []

    def closing(self, generations: Sequence[Any]) -> list[bytes]:
        """The last line: the reason, and what it took."""
        now = perf_counter()
        first = self._first or now
        parts = {"prompt_eval_duration": first - self._began, "eval_duration": now - first}
        durations = {name: nanoseconds(seconds) for name, seconds in parts.items()}
        return [line(self._line("", []) | self._ending(generations, now - self._began, durations))]

    def failed(self, body: bytes) -> list[bytes]:
        """The last line, where the status has been sent. body: the error's."""
        return [body + b"\n"]

    def _take(self, piece: str, *, ended: bool) -> tuple[str, list[dict[str, Any]]]:
        """The next piece -> (text, calls that are whole by now). A call that was cut off is not told."""
        if self._reader is None:
            return piece, []
        parts = self._reader.push(piece) + (self._reader.flush() if ended else [])
        texts, calls = [], []
        for part in [*parts, *([Part("call", "")] if ended and self._reader.whole else [])]:
            if part.kind == "text":
                texts.append(part.text)
            elif part.kind == "arguments":
                self._calling.append(part.text)
            else:
                if self._calling:
                    name, *arguments = self._calling
                    calls.append({"function": {"name": name, "arguments": orjson.loads("".join(arguments) or "{}")}})
                self._calling = [part.text] if part.text else []
        return "".join(texts), calls

    def _line(self, text: str, calls: Sequence[dict[str, Any]]) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
        shown = {"message": message} if self.chat else {"response": text}
        return {"model": self.model.name, "created_at": datetime.now(UTC).isoformat(), **shown}

    def _ending(self, completions: Sequence[Any], seconds: float, durations: dict[str, int]) -> dict[str, Any]:
        if not completions:
            return {"done": True, "done_reason": "load"}
        prompt, completion = count_tokens(completions, 1)
        return {
            "done": True,
            "done_reason": completions[0].finish_reason,
            "total_duration": nanoseconds(seconds),
            "load_duration": 0,
            "prompt_eval_count": prompt,
            "eval_count": completion,
            **durations,
        }


def nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def line(value: dict[str, Any]) -> bytes:
    return dump(value) + b"\n"
