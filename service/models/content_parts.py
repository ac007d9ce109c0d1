"""How a chat template takes what a message holds: as one text, as a list of parts, or as either.

    contents = ContentForms(render)         # tries the template on a message of each role
    contents.fitted({"role": "user", "content": [{"type": "text", "text": "Hi"}]})      # {..., "content": "Hi"}

A template of the one sort prints a list as Python does; one of the other loses a text, since no character of it is a
part. Which sort it is cannot be read off its source, so it is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

__all__ = ["ContentForms"]

Message = dict[str, Any]
PROBE = "a7daylight7probe"
LIST_SIGNS = ("'type'", '"type"')  # how a list of parts looks that was printed as it is


class Form(Enum):
    TEXT = "one text"
    PARTS = "a list of parts"
    EITHER = "either"


class ContentForms:
    """The form that one template takes for each role."""

    def __init__(self, render: Callable[[list[Message]], str | None]) -> None:
        """render: messages -> the template's text; None where it refuses them."""
        self._render = render
        self._forms: dict[str, Form] = {}
        self._try("user", [], [])
        user = self.fitted({"role": "user", "content": "Hi"})
        self._try("system", [], [user])
        self._try("assistant", [user], [user])

    def fitted(self, message: Message) -> Message:
        """The message with its content as the template takes it."""
        content, form = message["content"], self._forms.get(message["role"], Form.TEXT)
        if isinstance(content, list) and form is Form.TEXT:
            return message | {"content": "".join(part["text"] for part in content)}
        if isinstance(content, str) and form is Form.PARTS:
            return message | {"content": parts(content)}
        return message

    def _try(self, role: str, before: list[Message], after: list[Message]) -> None:
        as_text, as_parts = (
            self._render([*before, {"role": role, "content": content}, *after]) or ""
            for content in (PROBE, parts(PROBE))
        )
        takes_parts = PROBE in as_parts and not any(sign in as_parts for sign in LIST_SIGNS)
        if PROBE not in as_text:
            self._forms[role] = Form.PARTS if takes_parts else Form.TEXT
        else:
            self._forms[role] = Form.EITHER if takes_parts else Form.TEXT


def parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
