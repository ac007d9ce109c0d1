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

__all__ = ["CHAT", "COMPLETION", "Form", "encode"]

UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a tokenizer shows for bytes that are no character by themselves


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

    def __init__(self, endpoint: Endpoint, model: Any, request: Request, decoded: Decoded) -> None:
        """model: its `name` and `version`, and `texts`, which shows token ids."""
        self.endpoint, self.model, self.call = endpoint, model, decoded.call
        self.include_usage = decoded.note.include_usage
        self.head = {
            "id": f"{endpoint.prefix}-{request.id}",
            "created": int(time.time()),
            "model": model.name,
            "system_fingerprint": f"{model.name}-{model.version}",
        }
        self._offsets: dict[int, int] = {}  # place -> characters of its text that were sent

    def whole(self, completions: Sequence[Any]) -> dict[str, Any]:
        """Completions, the n of each prompt side by side -> the answer."""
        choices = [
            self._choice(place, self._message(each.text), each.logprobs, each.finish_reason)
            for place, each in enumerate(completions)
        ]
        return {**self.head, "object": self.endpoint.whole, "choices": choices, "usage": self.usage(completions)}

    def opening(self, place: int) -> dict[str, Any] | None:
        """The first event of a chat's choice; None for completions, which have none."""
        delta = {"delta": {"role": "assistant", "content": ""}}
        return self._chunk([self._choice(place, delta)]) if self.endpoint.chat else None

    def chunk(
        self, place: int, piece: str, logprobs: Sequence[Any] = (), finish_reason: str | None = None
    ) -> dict[str, Any]:
        """One piece of a choice; the last one with the reason."""
        content = {"delta": {"content": piece} if piece else {}} if self.endpoint.chat else {"text": piece}
        return self._chunk([self._choice(place, content, logprobs, finish_reason)])

    def closing(self, generations: Sequence[Any]) -> dict[str, Any] | None:
        """The event with the usage, where the request asked for it."""
        return self._chunk([]) | {"usage": self.usage(generations)} if self.include_usage else None

    def usage(self, completions: Sequence[Any]) -> dict[str, int]:
        prompt, completion = count_tokens(completions, self.call.n)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        usage = {"usage": None} if self.include_usage else {}
        return {**self.head, "object": self.endpoint.chunk, "choices": choices, **usage}

    def _message(self, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {"message": message} if self.endpoint.chat else {"text": text}

    def _choice(
        self, place: int, content: dict[str, Any], logprobs: Sequence[Any] = (), finish_reason: str | None = None
    ) -> dict[str, Any]:
        shown = None if self.call.logprobs is None else self._logprobs(place, logprobs)
        return {"index": place, **content, "logprobs": shown, "finish_reason": finish_reason}

    def _logprobs(self, place: int, logprobs: Sequence[Any]) -> dict[str, Any]:
        """TokenLogprobs of one choice's piece, in the endpoint's form."""
        shown = [self._shown(token) for token in logprobs]
        if self.endpoint.chat:
            pairs = zip(logprobs, shown, strict=True)
            return {"content": [entry(text, token.logprob, top) for token, (text, top) in pairs]}
        offsets, at = [], self._offsets.get(place, 0)
        for text, _ in shown:
            offsets.append(at)
            at += len(text)
        self._offsets[place] = at
        return {
            "tokens": [text for text, _ in shown],
            "token_logprobs": [token.logprob for token in logprobs],
            "top_logprobs": [dict(top) for _, top in shown],
            "text_offset": offsets,
        }

    def _shown(self, token: Any) -> tuple[str, list[tuple[str, float]]]:
        """A TokenLogprob -> (the token's text, [(text, logprob) of the likeliest])."""
        text, *top = self.model.texts([token.token, *(each for each, _ in token.top)])
        return text, [(other, logprob) for other, (_, logprob) in zip(top, token.top, strict=True)]


def entry(text: str, logprob: float, top: list[tuple[str, float]] | None = None) -> dict[str, Any]:
    # A token that is only a part of a character has no text of its own, and so no bytes that could be shown.
    shown = {"token": text, "logprob": logprob, "bytes": None if UNFINISHED in text else list(text.encode())}
    return shown if top is None else shown | {"top_logprobs": [entry(*each) for each in top]}
