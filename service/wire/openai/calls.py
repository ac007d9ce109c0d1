"""Calls of functions in a choice of a chat, whole or as the deltas of a stream.

    choice = ChoiceCalls(model.reader(tools))
    choice.deltas(piece, ended=False)       # [{"tool_calls": [{"index": 0, "id": "call_...", ...}]}, ...]
    choice.reason("stop")                   # "tool_calls" where it has called any

Reference: https://platform.openai.com/docs/api-reference/chat/streaming.
"""

from __future__ import annotations

import uuid
from typing import Any

__all__ = ["ChoiceCalls", "new_call_id"]


def new_call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


class ChoiceCalls:
    """One choice's text and calls, as they come."""

    def __init__(self, reader: Any) -> None:
        """reader: from the model's `reader`: push, flush and whole."""
        self._reader = reader
        self._called = -1  # the index of the last call

    def deltas(self, piece: str, *, ended: bool) -> list[dict[str, Any]]:
        """What is certain with the next piece of the text. ended: whether it is the last one."""
        parts = self._reader.push(piece)
        if ended:
            parts += self._reader.flush()
        return list(map(self._delta, parts))

    def reason(self, finish_reason: str | None) -> str | None:
        """The choice's finish reason. A call that a stop string has cut off is not one that could be made."""
        return "tool_calls" if finish_reason == "stop" and self._called >= 0 and self._reader.whole else finish_reason

    def message(self, text: str) -> dict[str, Any]:
        """The whole choice's message."""
        deltas = self.deltas(text, ended=True)
        content = "".join(delta["content"] for delta in deltas if "content" in delta)
        calls: list[dict[str, Any]] = []
        for told in (each for delta in deltas for each in delta.get("tool_calls", ())):
            if "id" in told:
                calls.append({name: value for name, value in told.items() if name != "index"})
            else:
                calls[-1]["function"]["arguments"] += told["function"]["arguments"]
        message = {"role": "assistant", "content": content if content or not calls else None, "refusal": None}
        return message | ({"tool_calls": calls} if calls else {})

    def _delta(self, part: Any) -> dict[str, Any]:
        if part.kind == "text":
            return {"content": part.text}
        if part.kind == "arguments":
            return {"tool_calls": [{"index": self._called, "function": {"arguments": part.text}}]}
        self._called += 1
        function = {"name": part.text, "arguments": ""}
        return {"tool_calls": [{"index": self._called, "id": new_call_id(), "type": "function", "function": function}]}
