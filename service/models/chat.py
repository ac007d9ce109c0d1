"""Messages of a conversation -> token ids, by the template that came with the model.

    chat = ChatTemplate.load(version, tokenizer)        # None where the model has no template
    chat.ids([{"role": "user", "content": "Hello"}])    # [1, 4093, 198, ...]

Only what the template itself writes can be a special token. "<|im_end|>" typed by a caller stays text, or
anybody could end the system's turn and speak in its name.
"""

import json
import re
from datetime import datetime
from pathlib import Path

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ..errors import InvalidParameters

__all__ = ["ChatTemplate"]

FILE, CONFIG = "chat_template.jinja", "tokenizer_config.json"
MARKS = [chr(code) for code in range(0xFDD0, 0xFDF0)]  # noncharacters: no text has a use for them


class ChatTemplate:
    """A Jinja template, run in a sandbox: it comes with the checkpoint, and so from somebody else."""

    def __init__(self, source, tokenizer, named):
        """named: the special tokens by the names that templates know, such as eos_token."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
        environment.globals |= {"raise_exception": refused, "strftime_now": lambda form: datetime.now().strftime(form)}
        self._template = environment.from_string(source)
        self._tokenizer = tokenizer
        self._named = named
        special = [one.content for one in tokenizer.get_added_tokens_decoder().values() if one.special]
        self._tokens = sorted(special, key=len, reverse=True)  # of two that begin alike the longer one is meant
        self._special = re.compile("|".join(map(re.escape, self._tokens))) if special else None

    @classmethod
    def load(cls, version, tokenizer):
        """Of a StoredVersion; None where it has no template. Raises what its parsers raise."""
        configured = Path(version.folder, CONFIG)
        config = json.loads(configured.read_text(encoding="utf-8")) if configured.exists() else {}
        kept = Path(version.folder, FILE)
        source = kept.read_text(encoding="utf-8") if kept.exists() else config.get("chat_template")
        if not isinstance(source, str):
            return None
        tokens = {name: token_text(value) for name, value in config.items() if name.endswith("_token")}
        return cls(source, tokenizer, {name: text for name, text in tokens.items() if text})

    def ids(self, messages):
        """[{"role", "content"}, ...] -> token ids, up to where the answer begins.

        Raises InvalidParameters where the template refuses them.
        """
        if self._special is None:
            return self._encode(self._render(messages))
        every = "".join(value for each in messages for value in each.values())
        mark = next((one for one in MARKS if one not in every), None)
        if mark is None:
            told = "the messages hold all of Unicode's noncharacters, which are no text"
            raise InvalidParameters(told, details=[{"parameter": "messages", "message": told}])
        text = self._render([{key: self._hidden(value, mark) for key, value in each.items()} for each in messages])
        ids, start = [], 0
        for found in self._special.finditer(text):
            ids += self._encode(self._shown(text[start : found.start()], mark))
            ids.append(self._tokenizer.token_to_id(found[0]))
            start = found.end()
        return ids + self._encode(self._shown(text[start:], mark))

    def _hidden(self, text, mark):
        """The caller's text with a number instead of whatever looks like a special token."""
        return self._special.sub(lambda found: f"{mark}{self._tokens.index(found[0])}{mark}", text)

    def _shown(self, text, mark):
        return re.sub(f"{mark}([0-9]+){mark}", lambda found: self._tokens[int(found[1])], text)

    def _render(self, messages):
        try:
            return self._template.render(messages=messages, add_generation_prompt=True, tools=None, **self._named)
        except (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            told = f"the model's chat template refuses these messages: {error}"
            raise InvalidParameters(told, details=[{"parameter": "messages", "message": told}]) from error

    def _encode(self, text):
        # The tokenizer is set so that special tokens in a text are text.
        return self._tokenizer.encode(text, add_special_tokens=False).ids if text else []


def refused(message):
    raise TemplateError(message)


def token_text(value):
    """A special token as tokenizer_config.json writes it: its text, or an object that holds it."""
    return value.get("content") if isinstance(value, dict) else value
