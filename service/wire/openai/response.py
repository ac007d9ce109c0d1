"""OpenAI's answers to completions and chat completions, whole or as the events of a stream.

    encode(CHAT, model, request, decoded, answer).content         # b'{"id": "chatcmpl-req-1", "choices": [...], ...}'
    form = Form(CHAT, model, request, decoded)
    form.opening(0), form.chunk(0, " there"), form.closing(generations)

Reference: https://platform.openai.com/docs/api-reference.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...capabilities import count_tokens
from ..adapter import Decoded, Encoded, Request
from ..json_body import dump
from . import sse
from .calls import ChoiceCalls
from .logprobs import ChoiceLogprobs

__all__ = ["CHAT", "COMPLETION", "Form", "encode"]


@dataclass(frozen=True)
class Endpoint:
    """How one endpoint names its answers. chat: whether choices hold messages instead of texts."""

    prefix: str
    whole: str
    chunk: str
    chat: bool


CHAT = Endpoint("chatcmpl", "chat.completion", "chat.completion.chunk", chat=True)
COMPLETION = Endpoint("cmpl", "text_completion", "text_completion", chat=False)


def encode(endpoint: Endpoint, model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TextAnswer, whole."""
    return Encoded(dump(Form(endpoint, model, request, decoded).whole(answer.completions)))


class Form:
    """The answers to one request: the same facts whole, or as the events of a stream."""

    media_type = sse.MEDIA_TYPE
    ping = sse.PING

    def __init__(self, endpoint: Endpoint, model: Any, request: Request, decoded: Decoded) -> None:
        """model: its `name` and `version`, what ChoiceLogprobs reads, and `reader`, where there are tools."""
        self.endpoint, self.model, self.call = endpoint, model, decoded.call
        self.include_usage, self.reason_stays = decoded.note.include_usage, decoded.note.function_named
        self.head = {
            "id": f"{endpoint.prefix}-{request.id}",
            "created": int(time.time()),
            "model": model.name,
            "system_fingerprint": f"{model.name}-{model.version}",
        }
        self._logprobs: dict[int, ChoiceLogprobs] = {}  # by the place of the choice
        self._choices: dict[int, ChoiceCalls] = {}  # the same

    def whole(self, completions: Sequence[Any]) -> dict[str, Any]:
        """Completions, the n of each prompt side by side -> the answer."""
        choices = [
            self._choice(place, self._message(place, each.text), each.text, each.logprobs, each.finish_reason)
            for place, each in enumerate(completions)
        ]
        return {**self.head, "object": self.endpoint.whole, "choices": choices, "usage": self.usage(completions)}

    def opening(self, place: int) -> list[bytes]:
        """The first event of a chat's choice; completions have none."""
        delta = {"delta": {"role": "assistant", "content": ""}}
        return [self._chunk([self._choice(place, delta)])] if self.endpoint.chat else []

    def chunk(
        self, place: int, piece: str, logprobs: Sequence[Any] = (), finish_reason: str | None = None
    ) -> list[bytes]:
        """The events of one piece of a choice; the last one with the reason."""
        contents = self._contents(place, piece, finish_reason)
        if not contents and (finish_reason or logprobs):
            contents = [{"delta": {}}]
        choices = [self._choice(place, content) for content in contents[:-1]]
        choices += [self._choice(place, content, piece, logprobs, finish_reason) for content in contents[-1:]]
        return [self._chunk([choice]) for choice in choices]

    def closing(self, generations: Sequence[Any]) -> list[bytes]:
        """The event with the usage, where the request asked for it, and the end."""
        return [*([self._chunk([], self.usage(generations))] if self.include_usage else []), sse.DONE]

    def failed(self, body: bytes) -> list[bytes]:
        """The last event, where the status has been sent. body: the error's."""
        return [sse.frame(body)]

    def usage(self, completions: Sequence[Any]) -> dict[str, int]:
        prompt, completion = count_tokens(completions, self.call.n)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> bytes:
        told = {"usage": usage} if self.include_usage else {}
        return sse.data({**self.head, "object": self.endpoint.chunk, "choices": choices, **told})

    def _calls(self, place: int) -> ChoiceCalls:
        if place not in self._choices:
            self._choices[place] = ChoiceCalls(self.model.reader(self.call.tools))
        return self._choices[place]

    def _contents(self, place: int, piece: str, finish_reason: str | None) -> list[dict[str, Any]]:
        """What a choice's events hold of one piece."""
        if not self.endpoint.chat:
            return [{"text": piece}]
        if self.call.tools is None:
            return [{"delta": {"content": piece} if piece else {}}]
        return [{"delta": delta} for delta in self._calls(place).deltas(piece, ended=finish_reason is not None)]

    def _message(self, place: int, text: str) -> dict[str, Any]:
        if not self.endpoint.chat:
            return {"text": text}
        if self.call.tools is None:
            return {"message": {"role": "assistant", "content": text, "refusal": None}}
        return {"message": self._calls(place).message(text)}

    def _choice(
        self,
        place: int,
        content: dict[str, Any],
        piece: str = "",
        logprobs: Sequence[Any] = (),
        finish_reason: str | None = None,
    ) -> dict[str, Any]:
        """A choice, or a piece of one. logprobs: TokenLogprobs of the tokens since the last piece."""
        shown = None
        if self.call.logprobs is not None:
            beside = self._logprobs.setdefault(place, ChoiceLogprobs(self.model, chat=self.endpoint.chat))
            shown = beside.beside(piece, logprobs, finish_reason)
        if self.call.tools is not None and not self.reason_stays:
            finish_reason = self._calls(place).reason(finish_reason)
        return {"index": place, **content, "logprobs": shown, "finish_reason": finish_reason}
