"""Messages of a conversation -> token ids, by the template that came with the model.

    chat = ChatTemplate.load(version, tokenizer)        # None if the model has no template
    chat.ids([{"role": "user", "content": "Hello"}])    # [1, 4093, 198, ...]

Only the template itself can write a special token. "<|im_end|>" in a message stays text: otherwise a caller could end
the system's turn and speak in its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import TemplateError

from ..errors import InvalidParameters
from .content_parts import ContentForms
from .template_sandbox import GenerationBlocks, TemplateSandbox, bounded
from .tools.form import FAULTS, CallForm, call_form
from .tools.history import as_the_template_takes_them, described

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ..store.versions import StoredVersion

__all__ = ["ChatTemplate", "texts"]

FILE, CONFIG = "chat_template.jinja", "tokenizer_config.json"
MARKS = [chr(code) for code in range(0xFDD0, 0xFDF0)]  # noncharacters: no text has a use for them
MOST_INDENT = 16  # spaces a level
NEVER = re.compile("(?!)")  # matches nothing


class ChatTemplate:
    """A Jinja template, run in a sandbox: it comes with the checkpoint, so it is not trusted."""

    def __init__(self, source: str, tokenizer: Tokenizer, variables: dict[str, str]) -> None:
        """variables: the special tokens by the names that templates use, such as eos_token."""
        extensions = ["jinja2.ext.loopcontrols", GenerationBlocks]
        environment = TemplateSandbox(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
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

    @cached_property
    def calls(self) -> CallForm | None:
        """How it writes calls of functions; None where it has no place for them, or none that is known here."""
        return call_form(self._write)

    def ids(self, messages: list[dict[str, Any]], functions: Sequence[dict[str, Any]] = ()) -> list[int]:
        """[{"role", "content"}, ...] -> token ids, up to where the answer begins.

        content: a text, or a list of parts {"type": "text", "text"}. Other members are the template's to read; calls of
        functions are as TextCall has them. functions: those that the model is told of, as Tools has them. Raises
        InvalidParameters if the template refuses the messages, or has no place for functions.
        """
        told = {self._form_of_calls().variable: described(functions)} if functions else {}
        content = "".join(texts([messages, told]))
        mark = next((mark for mark in MARKS if mark not in content), None)
        if mark is None:
            raise refusal("the messages hold all of Unicode's noncharacters, which are no text")
        fitted = [self._contents.fitted(self._named(message)) for message in self._with_calls(messages)]
        masked = changed([fitted, told], lambda value: self._masked(value, mark))
        text = self._render(masked[0], **masked[1])
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
        # Where a template prints an object as Python does, the mark is escaped.
        either = f"(?:{mark}|{re.escape(ascii(mark)[1:-1])})"
        return re.sub(f"{either}([0-9]+){either}", lambda match: self._special[int(match[1])], text)

    def _with_calls(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages with the calls in them as the template takes them. Raises InvalidParameters."""
        if not any(message["role"] == "tool" or message.get("tool_calls") for message in messages):
            return messages
        return as_the_template_takes_them(messages, self._form_of_calls("messages"))

    def _form_of_calls(self, parameter: str = "tools") -> CallForm:
        """Raises InvalidParameters, which names the parameter, where there is none."""
        if self.calls is None:
            raise refusal("the model's chat template has no place for functions, or none that is known here", parameter)
        return self.calls

    def _write(self, messages: list[dict[str, Any]], *, add_generation_prompt: bool, **variables: Any) -> str:
        """What the template writes. Raises FAULTS. variables: they go before the template's own."""
        with bounded():
            return self._template.render(
                messages=messages,
                add_generation_prompt=add_generation_prompt,
                **{"tools": None, **self._variables, **variables},
            )

    def _render(self, messages: list[dict[str, Any]], **variables: Any) -> str:
        """The same, up to where the answer begins. Raises InvalidParameters."""
        try:
            return self._write(messages, add_generation_prompt=True, **variables)
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
    """Every text in nested lists and objects, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        if isinstance(value, dict):
            yield from value
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same nested lists and objects with every text changed, names of members included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): changed(each, change) for name, each in value.items()}
    return [changed(each, change) for each in value] if isinstance(value, list) else value


def to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    """The filter `tojson` as transformers has it: without Jinja's escapes for HTML. Escapes for ASCII would hide the
    marks of `ChatTemplate.ids`, so there are none, whatever the template says."""
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


def refusal(message: str, parameter: str = "messages") -> InvalidParameters:
    return InvalidParameters.naming([{"parameter": parameter, "message": message}])
