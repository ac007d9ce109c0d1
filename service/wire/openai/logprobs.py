"""The log probabilities of a choice's tokens, beside the text that the tokens make.

    told = ChoiceLogprobs(model, chat=False)
    told.beside(" cat", token_logprobs)     # {"tokens": [" cat"], "text_offset": [0], ...}

A token may be a part of a character. It is spelled as OpenAI spells it: `bytes:\\xf0\\x9f` in completions, and in chats
`\\xf0\\x9f`, with the numbers of its bytes beside it; all bytes joined are the text. Where two alternatives are spelled
alike, the object of completions would lose one: it is named `token_id:<id>`, as vLLM names tokens by their ids.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Any

__all__ = ["ChoiceLogprobs"]


class ChoiceLogprobs:
    """Tells each token with the piece of text that it begins in; those of a stop string, which no piece has, never."""

    def __init__(self, model: Any, *, chat: bool) -> None:
        """model: its `token_bytes` and `token_name`."""
        self._model, self._chat = model, chat
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = 0  # characters of the text before the next token
        self._shown = 0  # characters of the pieces so far
        self._waiting: list[tuple[int, Any]] = []  # (offset in the text, TokenLogprobs) of tokens not told yet

    def beside(self, piece: str, logprobs: Sequence[Any], finish_reason: str | None = None) -> dict[str, Any]:
        """What is told with the next piece. logprobs: TokenLogprobs of the tokens since the last one."""
        self._shown += len(piece)
        for each in logprobs:
            self._waiting.append((self._begun, each))
            self._begun += len(self._decoder.decode(self._model.token_bytes(each.token) or b""))
        # Behind a text that ended at its length there may be a part of a character.
        all_of_them = finish_reason not in (None, "stop")
        ready = [pair for pair in self._waiting if all_of_them or pair[0] < self._shown]
        self._waiting = self._waiting[len(ready) :]
        if self._chat:
            return {"content": [self._entry(each) for _, each in ready]}
        return {
            "tokens": [self._spelled(each.token) for _, each in ready],
            "token_logprobs": [each.logprob for _, each in ready],
            "top_logprobs": [self._alternatives(each.top) for _, each in ready],
            "text_offset": [offset for offset, _ in ready],
        }

    def _entry(self, each: Any) -> dict[str, Any]:
        top = [self._alternative(token, logprob) for token, logprob in each.top]
        return self._alternative(each.token, each.logprob) | {"top_logprobs": top}

    def _alternative(self, token: int, logprob: float) -> dict[str, Any]:
        data = self._model.token_bytes(token)
        return {"token": self._spelled(token), "logprob": logprob, "bytes": None if data is None else list(data)}

    def _alternatives(self, top: Sequence[tuple[int, float]]) -> dict[str, float]:
        told: dict[str, float] = {}
        for token, logprob in top:
            spelled = self._spelled(token)
            told[f"token_id:{token}" if spelled in told else spelled] = logprob
        return told

    def _spelled(self, token: int) -> str:
        data = self._model.token_bytes(token)
        if data is None:
            return self._model.token_name(token)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return ("" if self._chat else "bytes:") + "".join(f"\\x{byte:02x}" for byte in data)
