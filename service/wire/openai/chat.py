"""POST /v1/chat/completions: OpenAI's chat completions: messages through the model's own template."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...capabilities import GENERATE_TEXT
from ..adapter import Adapter, Decoded, Request
from .errors import error_body
from .response import CHAT, Form, encode

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = ""


def decode(request: Request, model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    from .request import decode_chat  # when it is first needed: marshmallow takes 24 ms to import

    return decode_chat(request, model)


ADAPTERS = {GENERATE_TEXT: Adapter(decode, partial(encode, CHAT), partial(Form, CHAT))}
