"""POST /v1/chat/completions: OpenAI's chat completions: messages through the model's own template."""

from functools import partial

from ...capabilities import GENERATE_TEXT
from ..adapter import Adapter
from .errors import error_body
from .request import decode_chat
from .response import CHAT, Form, encode

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = ""
ADAPTERS = {GENERATE_TEXT: Adapter(decode_chat, partial(encode, CHAT), partial(Form, CHAT))}
