"""POST /api/chat: Ollama's chats: messages through the model's own template."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...capabilities import GENERATE_TEXT
from ..adapter import Adapter, Decoded, Request
from ..v1 import error_body
from .response import Form, encode

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "ollama"
PREFIX = "/api/"


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    from .request import decode_chat  # when it is first needed: marshmallow takes 24 ms to import

    return decode_chat(request)


ADAPTERS = {GENERATE_TEXT: Adapter(decode, partial(encode, True), partial(Form, True))}
