"""POST /v1/responses: OpenAI's Responses, without their memory: nothing is stored, so each request has the whole
conversation.

Reference: https://platform.openai.com/docs/api-reference/responses.
"""

from __future__ import annotations

from typing import Any

from ....capabilities import GENERATE_TEXT
from ...adapter import Adapter, Decoded, Encoded, Request
from ...json_body import dump
from ..errors import error_body
from .response import Form

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = ""


def decode(request: Request, _model: Any) -> Decoded:
    """Raises RequestError with every fault of the envelope."""
    from .request import decode_response  # when it is first needed: marshmallow takes 24 ms to import

    return decode_response(request)


def encode(model: Any, request: Request, decoded: Decoded, answer: Any) -> Encoded:
    """A TextAnswer, whole."""
    return Encoded(dump(Form(model, request, decoded).whole(answer.completions)))


ADAPTERS = {GENERATE_TEXT: Adapter(decode, encode, Form)}
