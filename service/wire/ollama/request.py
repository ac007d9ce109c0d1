"""What a request in Ollama's protocol may say. Its answers are response.py's.

    decode_chat(Request(b'{"model": "smollm2", "messages": [...]}'))    # Decoded(TextCall([[{...}]]), ..., stream=True)

A request without messages, or without a prompt, asks that the model be loaded, as every model here is. What is not
served is refused by name where it would change the answer.
"""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema

from ...capabilities import TextCall
from ..adapter import Decoded, Request
from ..marshmallow_fields import Truth
from ..openai.request import read
from ..openai.tools import ToolMembers, tools_of
from .messages import Messages
from .names import LATEST, NAMES
from .options import Format, Options

__all__ = ["GENERATE_NEUTRAL", "IDLE", "NEUTRAL", "decode_chat", "decode_generate"]

# keep_alive: models stay. truncate, shift: nothing is cut; what is too long is refused.
IDLE = {"keep_alive", "truncate", "shift"}
NEUTRAL: dict[str, tuple[Any, ...]] = {"logprobs": (False,), "think": (False,), "top_logprobs": (0,)}
GENERATE_NEUTRAL = {"context": ([],), "images": ([],), "suffix": ("",), "template": ("",)}


class Envelope(Schema):
    class Meta:
        unknown = RAISE

    model = fields.String(required=True)
    stream = Truth()
    format = Format()
    options = Options()


class ChatEnvelope(Envelope, ToolMembers):
    messages = Messages()


class GenerateEnvelope(Envelope):
    prompt = fields.String()
    system = fields.String()
    raw = Truth()

    @validates_schema
    def check_raw(self, data, **_):
        if data.get("raw") and data.get("system"):
            raise ValidationError("only where raw is false", "system")


CHAT, GENERATE = ChatEnvelope(), GenerateEnvelope()


def decode_chat(request: Request) -> Decoded:
    """The call's one prompt is a list of messages. Raises RequestError with every fault of the envelope."""
    envelope, _ = read(CHAT, request.json, idle=IDLE, neutral=NEUTRAL, same={}, elsewhere="options")
    return decoded(envelope, envelope.get("messages"), {"text": "messages"})


def decode_generate(request: Request) -> Decoded:
    """The call's one prompt is a text, or a question in messages. Raises as `decode_chat`."""
    neutral = NEUTRAL | GENERATE_NEUTRAL
    envelope, _ = read(GENERATE, request.json, idle=IDLE, neutral=neutral, same={}, elsewhere="options")
    prompt = envelope.get("prompt")
    if prompt and not envelope.get("raw"):
        system = [{"role": "system", "content": envelope["system"]}] if envelope.get("system") else []
        prompt = [*system, {"role": "user", "content": prompt}]
    return decoded(envelope, prompt, {"text": "prompt", "messages": "prompt"})


def decoded(envelope: dict[str, Any], prompt: Any, names: dict[str, str]) -> Decoded:
    """names: of the prompt in the body."""
    parameters = envelope.get("options", {})
    if envelope.get("format") is not None:
        parameters = parameters | {"constraint": envelope["format"]}
    return Decoded(
        TextCall([prompt] if prompt else [], parameters, tools=tools_of(envelope), to_the_end=True),
        model=envelope["model"].removesuffix(LATEST),
        stream=envelope.get("stream", True),
        names={own: f"options.{name}" for name, own in NAMES.items()} | {"constraint": "format"} | names,
    )
