"""From the prompts of requests to token ids that fit the model.

encoder = PromptEncoder("smollm2", tokenizer, chat, context_length=8192, vocabulary_size=49152)
encoder.encode("Once upon a time", params)                             # [6403, 1980, 253, 655]
encoder.encode([{"role": "user", "content": "Hello"}], params)         # by the model's chat template
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InvalidParameters, RequestError
from .chat import texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ..generation.params import SamplingParams
    from .chat import ChatTemplate

__all__ = ["Message", "Prompt", "PromptEncoder", "refuse"]

Message = dict[str, Any]  # {"role", "content": a text, or a list of parts}
Prompt = str | list[int] | list[Message]


class PromptEncoder:
    """A tokenizer, a chat template or None, and the model's limits."""

    def __init__(
        self, name: str, tokenizer: Tokenizer, chat: ChatTemplate | None, *, context_length: int, vocabulary_size: int
    ) -> None:
        """name: the model's, for messages. context_length: tokens of prompt and completion together."""
        self.name, self.tokenizer, self.chat = name, tokenizer, chat
        self.context_length, self.vocabulary_size = context_length, vocabulary_size
        self._longest_token = max(map(len, tokenizer.get_vocab()))  # characters

    def encode(
        self,
        prompt: Prompt,
        params: SamplingParams,
        *,
        add_special_tokens: bool = False,
        functions: Sequence[dict[str, Any]] = (),
    ) -> list[int]:
        """At least one token id, with room for params.max_tokens more.

        add_special_tokens: whether the tokenizer adds its own (such as a start token) around a text. functions: that
        the model is told of before the messages. Raises InvalidParameters, or RequestError for messages without a chat
        template.
        """
        ids = self._ids(prompt, add_special_tokens, functions)
        if not ids:
            refuse("text", "at least one token", "an empty text")
        if max(ids) >= self.vocabulary_size:
            refuse("prompt", f"token ids below {self.vocabulary_size}", str(max(ids)))
        if len(ids) >= self.context_length:
            refuse("text", f"less than the model's context of {self.context_length} tokens", f"{len(ids)} tokens")
        self._check_parameters(params, len(ids))
        return ids

    def _check_parameters(self, params: SamplingParams, prompt_tokens: int) -> None:
        """Check the parameters whose limits depend on the model and the prompt."""
        named = (*params.stop_token_ids, *(params.logit_bias or ()))
        if named and max(named) >= self.vocabulary_size:
            parameter = "logit_bias" if params.logit_bias and max(named) in params.logit_bias else "stop_token_ids"
            refuse(parameter, f"token ids below {self.vocabulary_size}", str(max(named)))
        room = self.context_length - prompt_tokens
        if params.max_tokens > room:
            expected = f"at most {room}: the context is {self.context_length} tokens and the text takes {prompt_tokens}"
            refuse("max_tokens", expected, str(params.max_tokens))
        if params.constraint is not None and params.ignore_eos:
            refuse("ignore_eos", "false where there is a constraint, which only an end token can end", "true")

    def _ids(self, prompt: Prompt, add_special_tokens: bool, functions: Sequence[dict[str, Any]]) -> list[int]:
        if isinstance(prompt, str):
            self._check_length(len(prompt))
            try:
                return self.tokenizer.encode(prompt, add_special_tokens=add_special_tokens).ids
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
            refuse("text", f"at most {self.context_length} tokens", f"{characters} characters")


def refuse(parameter: str, expected: str, got: str) -> NoReturn:
    """Raise InvalidParameters for one parameter."""
    raise InvalidParameters.naming([{"parameter": parameter, "expected": expected, "got": got}])
