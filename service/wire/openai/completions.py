"""POST /v1/completions: OpenAI's completions: texts or token ids, continued."""

from functools import partial

from ...capabilities import GENERATE_TEXT
from ..adapter import Adapter
from .errors import error_body
from .request import decode_completion
from .response import COMPLETION, Form, encode

__all__ = ["ADAPTERS", "NAME", "PREFIX", "error_body"]

NAME = "openai"
PREFIX = ""
ADAPTERS = {GENERATE_TEXT: Adapter(decode_completion, partial(encode, COMPLETION), partial(Form, COMPLETION))}
