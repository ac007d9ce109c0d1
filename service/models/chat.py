"""Messages of a conversation -> token ids, by the template that came with the model.

    chat = ChatTemplate.load(version, tokenizer)        # None if the model has no template
    chat.ids([{"role": "user", "content": "Hello"}])    # [1, 4093, 198, ...]

Only the template itself can write a special token. "<|im_end|>" in a message stays text: otherwise a caller could end
the system's turn and speak in its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import TemplateError

from ..errors import InvalidParameters
from .content_parts import ContentForms
from .template_sandbox import TemplateSandbox, bounded

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ..store.versions import StoredVersion

__all__ = ["ChatTemplate", "texts"]

FILE, CONFIG = "chat_template.jinja", "tokenizer_config.json"
MARKS = [chr(code) for code in range(0xFDD0, 0xFDF0)]  # noncharacters: no text has a use for them
# What a template raises that does not fit the messages, or goes on and on.
FAULTS = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
MOST_INDENT = 16  # spaces a level
NEVER = re.compile("(?!)")  # matches nothing


class ChatTemplate:
    """A Jinja template, run in a sandbox: it comes with the checkpoint, so it is not trusted."""

    def __init__(self, source: str, tokenizer: Tokenizer, variables: dict[str, str]) -> None:
        """variables: the special tokens by the names that templates use, such as eos_token."""
        environment = TemplateSandbox(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        environment.filters["tojson"] = to_json
        environment.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
        self._template = environment.from_string(source)
        self._tokenizer = tokenizer
        self._variables = variables
        added = tokenizer.get_added_tokens_decoder()
        self._special_ids = {token.content: token_id for token_id, token in added.items() if token.special}
        # Of two that begin alike, the longer one matches.
        self._special = sorted(self._special_ids, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._special))) if self._special else NEVER
        self._knows_developers = "developer" in source
        self._contents = ContentForms(self._tried)

    @classmethod
    def load(cls, version: StoredVersion, tokenizer: Tokenizer) -> ChatTemplate | None:
        """The template of a version, or None. Raises what the parsers of its files raise."""
        config_file, template_file = Path(version.folder, CONFIG), Path(version.folder, FILE)
        config = json.loads(config_file.read_text(encoding="utf-8")) if config_file.exists() else {}
        source = template_file.read_text(encoding="utf-8") if template_file.exists() else config.get("chat_template")
        if not isinstance(source, str):
            return None
        tokens = {name: token_text(value) for name, value in config.items() if name.endswith("_token")}
        return cls(source, tokenizer, {name: text for name, text in tokens.items() if text})

    def ids(self, messages: list[dict[str, Any]]) -> list[int]:
        """[{"role", "content"}, ...] -> token ids, up to where the answer begins.

        content: a text, or a list of parts {"type": "text", "text"}. Other members are the template's to read. Raises
        InvalidParameters if the template refuses the messages.
        """
        content = "".join(texts(messages))
        mark = next((mark for mark in MARKS if mark not in content), None)
        if mark is None:
            raise refusal("the messages hold all of Unicode's noncharacters, which are no text")
        fitted = [self._contents.fitted(self._named(message)) for message in messages]
        text = self._render(changed(fitted, lambda value: self._masked(value, mark)))
        ids: list[int] = []
        start = 0
        for match in self._pattern.finditer(text):
            ids += self._encode(self._unmasked(text[start : match.start()], mark))
            ids.append(self._special_ids[match[0]])
            start = match.end()
        return ids + self._encode(self._unmasked(text[start:], mark))

    def _named(self, message: dict[str, Any]) -> dict[str, Any]:
        """Developers speak as the system where the template does not know them: many drop unknown roles silently."""
        if message["role"] == "developer" and not self._knows_developers:
            return message | {"role": "system"}
        return message

    def _masked(self, text: str, mark: str) -> str:
        """A message with a number between two marks in place of each special token."""
        return self._pattern.sub(lambda match: f"{mark}{self._special.index(match[0])}{mark}", text)

    def _unmasked(self, text: str, mark: str) -> str:
        return re.sub(f"{mark}([0-9]+){mark}", lambda match: self._special[int(match[1])], text)

    def _render(self, messages: list[dict[str, Any]]) -> str:
        try:
            with bounded():
                return self._template.render(
                    messages=messages, add_generation_prompt=True, tools=None, **self._variables
                )
        except FAULTS as error:
            raise refusal(f"the model's chat template refuses these messages: {error}") from error

    def _tried(self, messages: list[dict[str, Any]]) -> str | None:
        try:
            return self._render(messages)
        except InvalidParameters:
            return None

    def _encode(self, text: str) -> list[int]:
        # The tokenizer is set to read special tokens in a text as text (TextGenerationModel).
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []


def texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and objects, names of members aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same nested lists and objects with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: changed(each, change) for name, each in value.items()}
    return [changed(each, change) for each in value] if isinstance(value, list) else value


def to_json(value: Any, indent: int | None = None, **options: Any) -> str:
    """The filter `tojson` as transformers has it: without Jinja's escapes for HTML."""
    if indent is not None and not 0 <= indent <= MOST_INDENT:
        raise TemplateError(f"tojson indents by {indent}, which is more than {MOST_INDENT}")
    return json.dumps(value, ensure_ascii=False, indent=indent, **options)


def strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def raise_exception(message: str) -> NoReturn:
    """For templates that refuse a conversation."""
    raise TemplateError(message)


def token_text(value: Any) -> str | None:
    """A special token as tokenizer_config.json writes it: its text, or an object that holds it."""
    return value.get("content") if isinstance(value, dict) else value


def refusal(message: str) -> InvalidParameters:
    return InvalidParameters(message, details=[{"parameter": "messages", "message": message}])
