"""The output items of a response, and the events that tell how they come.

output = Output()
output.add([Part("text", "Hi")])        # [("response.output_item.added", {...}), ...]
output.end("completed")                 # [("response.output_text.done", {...}), ...]
output.items                            # [{"type": "message", ...}]
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from typing import Any

from ....capabilities import Part
from ..calls import new_call_id

__all__ = ["Output"]

Event = tuple[str, dict[str, Any]]


class Output:
    """items: the items so far, the last one being written."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def add(self, parts: Sequence[Part], logprobs: Sequence[dict[str, Any]] = ()) -> list[Event]:
        """The events of parts of the text. logprobs: entries of the tokens since the last parts."""
        events: list[Event] = []
        for part in parts:
            if part.kind == "call":
                events += self._finish("completed") + self._begin_call(part.text)
            elif part.kind == "arguments":
                self._item["arguments"] += part.text
                events.append(self._event("function_call_arguments.delta", delta=part.text))
            else:
                events += self._said(part.text, logprobs)
                logprobs = ()
        return events

    def end(self, status: str) -> list[Event]:
        """The events after the last part. status: of the last item."""
        return ([] if self.items else self._begin_message()) + self._finish(status)

    @property
    def _item(self) -> dict[str, Any]:
        return self.items[-1]

    def _said(self, text: str, logprobs: Sequence[dict[str, Any]]) -> list[Event]:
        events = (
            [] if self.items and self._item["type"] == "message" else self._finish("completed") + self._begin_message()
        )
        (content,) = self._item["content"]
        content["text"] += text
        content["logprobs"] += logprobs
        return [*events, self._event("output_text.delta", content_index=0, delta=text, logprobs=list(logprobs))]

    def _begin_message(self) -> list[Event]:
        item = {
            "id": f"msg_{uuid.uuid4().hex}",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        events = self._begin(item)
        self._item["content"].append({"type": "output_text", "annotations": [], "logprobs": [], "text": ""})
        return [*events, self._content("added")]

    def _begin_call(self, name: str) -> list[Event]:
        item = {"id": f"fc_{uuid.uuid4().hex}", "type": "function_call", "status": "in_progress"}
        return self._begin(item | {"call_id": new_call_id(), "name": name, "arguments": ""})

    def _begin(self, item: dict[str, Any]) -> list[Event]:
        self.items.append(item)
        return [("response.output_item.added", {"output_index": len(self.items) - 1, "item": copy.deepcopy(item)})]

    def _finish(self, status: str) -> list[Event]:
        """The events that end the last item, if there is one."""
        if not self.items:
            return []
        item = self._item
        if item["type"] == "message":
            (content,) = item["content"]
            told = {"text": content["text"], "logprobs": content["logprobs"]}
            events = [self._event("output_text.done", content_index=0, **told), self._content("done")]
        else:
            events = [self._event("function_call_arguments.done", name=item["name"], arguments=item["arguments"])]
        item["status"] = status
        done = {"output_index": len(self.items) - 1, "item": copy.deepcopy(item)}
        return [*events, ("response.output_item.done", done)]

    def _content(self, what: str) -> Event:
        return self._event(f"content_part.{what}", content_index=0, part=copy.deepcopy(self._item["content"][0]))

    def _event(self, event: str, /, **members: Any) -> Event:
        """An event of the last item."""
        return f"response.{event}", {"item_id": self._item["id"], "output_index": len(self.items) - 1, **members}
