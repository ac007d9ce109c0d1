"""From the prompts of requests to token ids that fit the model.

encoder = PromptEncoder("smollm2", tokenizer, plain, chat, context_length=8192, vocabulary_size=49152)
encoder.encode("Once upon a time")                             # [6403, 1980, 253, 655]
encoder.encode([{"role": "user", "content": "Hello"}])         # by the model's chat template
encoder.fitted(params, prompt_tokens=4)                        # params, checked beside that prompt
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import ContextLengthExceeded, InvalidParameters, RequestError
from .chat import texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ..generation.params import SamplingParams
    from .chat import ChatTemplate

__all__ = ["Message", "Prompt", "PromptEncoder", "refuse"]

Message = dict[str, Any]  # {"role", "content": a text, or a list of parts}
Prompt = str | list[int] | list[Message]


class PromptEncoder:
    """Two readings of a vocabulary, a chat template or None, and the model's limits."""

    def __init__(
        self,
        name: str,
        tokenizer: Tokenizer,
        plain: Tokenizer,
        chat: ChatTemplate | None,
        *,
        context_length: int,
        vocabulary_size: int,
    ) -> None:
        """name: the model's, for messages. tokenizer: reads special tokens in a text as such; plain: as text.

        context_length: tokens of prompt and completion together.
        """
        self.name, self.tokenizer, self.plain, self.chat = name, tokenizer, plain, chat
        self.context_length, self.vocabulary_size = context_length, vocabulary_size
        self._longest_token = max(map(len, tokenizer.get_vocab()))  # characters

    def encode(
        self, prompt: Prompt, *, special_tokens: bool = True, functions: Sequence[dict[str, Any]] = ()
    ) -> list[int]:
        """At least one token id, and at least one fewer than the context has.

        special_tokens: as in TextCall; False: a text is nothing but text. functions: that the model is told of before
        the messages. Raises InvalidParameters, or RequestError for messages without a chat template.
        """
        ids = self._ids(prompt, special_tokens, functions)
        if not ids:
            refuse("text", "at least one token", "an empty text")
        if max(ids) >= self.vocabulary_size:
            refuse("text", f"token ids below {self.vocabulary_size}", str(max(ids)))
        if len(ids) >= self.context_length:
            raise self._too_long(f"{len(ids)} tokens")
        return ids

    def fitted(self, params: SamplingParams, prompt_tokens: int) -> SamplingParams:
        """The parameters, with room for max_tokens behind so long a prompt. Raises InvalidParameters."""
        named = (*params.stop_token_ids, *(params.logit_bias or ()))
        if named and max(named) >= self.vocabulary_size:
            parameter = "logit_bias" if params.logit_bias and max(named) in params.logit_bias else "stop_token_ids"
            refuse(parameter, f"token ids below {self.vocabulary_size}", str(max(named)))
        if params.constraint is not None and params.ignore_eos:
            refuse("ignore_eos", "false where there is a constraint, which only an end token can end", "true")
        room = self.context_length - prompt_tokens
        if params.max_tokens <= room:
            return params
        if params.yielding:
            return replace(params, max_tokens=room)
        raise ContextLengthExceeded.naming(
            [
                {
                    "parameter": "max_tokens",
                    "expected": f"at most {room}",
                    "got": str(params.max_tokens),
                    "message": f"This model's maximum context length is {self.context_length} tokens. However, you "
                    f"requested {prompt_tokens + params.max_tokens} tokens: the text takes {prompt_tokens}, and "
                    f"{params.max_tokens} are for the completion. Please reduce max_tokens to {room}, or the text.",
                }
            ]
        )

    def _ids(self, prompt: Prompt, special_tokens: bool, functions: Sequence[dict[str, Any]]) -> list[int]:
        if isinstance(prompt, str):
            self._check_length(len(prompt))
            tokenizer = self.tokenizer if special_tokens else self.plain
            try:
                return tokenizer.encode(prompt, add_special_tokens=special_tokens).ids
            except TypeError:  # the tokenizer's answer to a string that is not Unicode text
                refuse("text", "text of Unicode characters", "half of a surrogate pair")
        messages = [item for item in prompt if isinstance(item, dict)]
        if not messages:
            return [item for item in prompt if isinstance(item, int)]
        if self.chat is None:
            raise RequestError(f"{self.name} has no chat template; send it a prompt")
        self._check_length(sum(map(len, texts([messages, *functions]))))
        try:
            return self.chat.ids(messages, functions)
        except TypeError:
            refuse("messages", "text of Unicode characters", "half of a surrogate pair")

    def _check_length(self, characters: int) -> None:
        # A text that cannot fit is refused before it is tokenized: for megabytes that would take seconds.
        if characters > self.context_length * self._longest_token:
            raise self._too_long(f"{characters} characters")

    def _too_long(self, got: str) -> ContextLengthExceeded:
        """In the words that programs look for, which then shorten the conversation by themselves."""
        sentence = (
            f"This model's maximum context length is {self.context_length} tokens. However, your text has {got}. "
            "Please reduce its length."
        )
        expected = f"less than {self.context_length} tokens"
        return ContextLengthExceeded.naming(
            [{"parameter": "text", "expected": expected, "got": got, "message": sentence}]
        )


def refuse(parameter: str, expected: str, got: str) -> NoReturn:
    """Raise InvalidParameters for one parameter."""
    raise InvalidParameters.naming([{"parameter": parameter, "expected": expected, "got": got}])
