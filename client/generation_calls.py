"""What a client asks of text models: texts and chats, whole or as streams.

    client.generate("Once upon a time", max_tokens=20)

`generate` uses `/v1/models/<model>:predict`, the protocol of KServe and TensorFlow Serving; streams and chats use
`/v1/completions` and `/v1/chat/completions`, that of OpenAI.
"""

from __future__ import annotations

from typing import Any

from .answers import Completion
from .base_client import BaseClient
from .calls import Answer, Body, Call
from .rows import without_none

__all__ = ["CHATS", "COMPLETIONS", "Messages", "chat", "generate", "open_stream"]

Messages = list[dict[str, Any]]

COMPLETIONS, CHATS = "/v1/completions", "/v1/chat/completions"


def generate(
    client: BaseClient,
    text: str,
    model: str | None = None,
    *,
    version: str | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: str | list[str] | None = None,
    timeout: float | None = None,
) -> Call[Completion]:
    """A prompt -> Completion, a str that holds what follows the prompt.

    model: a name; None is the server's default for text. max_tokens: tokens generated at most.
    temperature: 0 always takes the most probable token. top_k, top_p: sample among the k most probable
    tokens, or among those that together have this probability. seed: the same seed gives the same
    text. stop: a string, or a list of strings, that ends the text. None is the server's default.
    """
    if not isinstance(text, str):
        raise TypeError(f"the text is a str, not {type(text).__name__}")
    parameters = without_none(
        {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
            "stop": stop,
        }
    )
    body = Body.json({"instances": [text], "parameters": parameters})
    return (yield from client._predict("text_generation", model, version, body, Completion.from_answer, timeout))


def chat(
    client: BaseClient, messages: Messages, model: str | None, timeout: float | None, parameters: dict[str, Any]
) -> Call[Completion]:
    """Messages -> the whole answer to them."""
    deadline = client.retries.until(timeout)
    name = model or (yield from client._default("text_generation", deadline))
    body = Body.json({"model": name, "messages": messages, **without_none(parameters)})
    return (yield from client._ask("POST", CHATS, Completion.from_chat, body, deadline))


def open_stream(
    client: BaseClient,
    path: str,
    asked: dict[str, Any],
    model: str | None,
    timeout: float | None,
    parameters: dict[str, Any],
) -> Call[Answer]:
    """POST to a route of OpenAI's dialect -> its answer, whose body is still to be read.

    asked: {"prompt": ...} or {"messages": ...}. model: a name, or None for the default.
    """
    deadline = client.retries.until(timeout)
    options = {"model": model or (yield from client._default("text_generation", deadline)), "stream": True}
    body = Body.json({**asked, **without_none(parameters), **options, "stream_options": {"include_usage": True}})
    return (yield from client._request("POST", path, body, deadline, stream=True))
