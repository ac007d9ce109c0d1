"""POST /v1/completions: OpenAI's completions: texts or token ids, continued."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...capabilities import GENERATE_TEXT
from ..adapter import Adapter, Decoded, Request
from .errors import error_body
from .response import COMPLETION, Form, encode

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = "/v1/"


def decode(request: Request, model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    from .request import decode_completion  # when it is first needed: marshmallow takes 24 ms to import

    return decode_completion(request, model)


ADAPTERS = {GENERATE_TEXT: Adapter(decode, partial(encode, COMPLETION), partial(Form, COMPLETION))}
