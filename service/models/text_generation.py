"""A causal language model: text in, text out, around an engine that knows token ids only.

    model = TextGenerationModel.load(version, settings)
    params = model.parameters({"max_tokens": 20, "temperature": 0.6})
    for piece in model.stream("Once upon a time", params): ...      # as it is generated
    model.generate("Once upon a time", params).text                 # all of it

Only the continuation is returned, never the prompt.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from ..capabilities import GENERATE_TEXT, TextCall, Tools, count_tokens
from ..errors import ServiceError, StartupError, in_a_line
from ..generation.completion import Completion, Generation
from ..generation.constraint import Constraints
from ..generation.detokenizer import Detokenizer
from ..generation.engine import Engine
from ..generation.params import SamplingParams
from ..scheduling.admission import RESERVED_THREADS
from .base import StreamingModel
from .chat import ChatTemplate
from .prompt_encoder import Prompt, PromptEncoder, refuse
from .text_runner import load_runner
from .tools.calling import Calling
from .tools.reader import CallReader

if TYPE_CHECKING:
    from ..settings import Settings
    from ..store.manifest import Manifest
    from ..store.versions import StoredVersion

__all__ = ["TOKENIZER", "TextGenerationModel"]

TOKENIZER = "tokenizer.json"

SAMPLED = 16  # tokens of each text that is compared with another version's


@dataclass(frozen=True)
class TextAnswer:
    """The completions of one call, the `n` of each prompt side by side. seconds: {stage: seconds}."""

    completions: Sequence[Completion]
    n: int
    seconds: dict[str, float]
    warnings: tuple[str, ...] = ()

    @property
    def tokens(self) -> tuple[int, int]:
        """(of prompts, of completions)."""
        return count_tokens(self.completions, self.n)


class TextGenerationModel(StreamingModel):
    """One loaded version of a causal language model."""

    capabilities = (GENERATE_TEXT,)
    min_threads = RESERVED_THREADS + 1

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: Tokenizer,
        engine: Engine,
        *,
        default_max_tokens: int,
        chat: ChatTemplate | None = None,
    ) -> None:
        """chat: None for a model without a chat template."""
        super().__init__(manifest)
        self.tokenizer = tokenizer
        # A special token in a request's text stays text: "<|im_end|>" must not end the turn.
        self.tokenizer.encode_special_tokens = True
        self.engine = engine
        self.chat = chat
        self.default_max_tokens = default_max_tokens
        self.eos_ids = frozenset(manifest.spec["eos_token_ids"])
        self.context_length = min(manifest.spec["context_length"], engine.capacity)
        added = tokenizer.get_added_tokens_decoder()
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        vocabulary_size = manifest.spec["vocabulary_size"]
        self._encoder = PromptEncoder(
            self.name, tokenizer, chat, context_length=self.context_length, vocabulary_size=vocabulary_size
        )
        self._constraints = Constraints(tokenizer.to_str, vocabulary_size=vocabulary_size, eos_ids=self.eos_ids)

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> TextGenerationModel:
        version.verify()
        try:
            tokenizer = Tokenizer.from_file(str(version.folder / TOKENIZER))
            chat = ChatTemplate.load(version, tokenizer)
            runner = load_runner(version, settings)
        except StartupError as error:
            raise StartupError(f"{version} cannot be loaded: {in_a_line(error)}") from error
        except Exception as error:  # the parsers of configs and weights raise all kinds of exceptions
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error
        engine = Engine(
            runner,
            kv_bytes=settings.kv_bytes,
            prefix_bytes=settings.prefix_bytes,
            max_waiting=settings.max_waiting,
            max_waiting_tokens=settings.max_waiting_tokens,
        )
        return cls(version.manifest, tokenizer, engine, default_max_tokens=settings.max_tokens, chat=chat)

    @property
    def failure(self) -> str | None:
        return self.engine.failure

    def generations(self, call: TextCall) -> list[Generation]:
        """The Generations of a call, not yet started: `n` for each prompt. Raises InvalidParameters."""
        choices = self.choices(call.parameters, call.n, call.logprobs)
        if call.tools is not None:
            choices = self._calling_choices(choices, call.tools)
        return [self.stream(prompt, params, tools=call.tools) for prompt in call.prompts for params in choices]

    def _calling_choices(self, choices: list[SamplingParams], tools: Tools) -> list[SamplingParams]:
        """The choices, bound to write calls as the chat template does. Raises InvalidParameters."""
        constraint = self.calling.constraint(tools, choices[0].constraint, self._constraints.why_not)
        return [replace(params, constraint=constraint) for params in choices]

    @cached_property
    def calling(self) -> Calling:
        """How it calls functions. Raises InvalidParameters for a model that calls none."""
        form = None if self.chat is None else self.chat.calls
        if form is None:
            refuse("tools", "none: the model's chat template has no place for them, or none that is known here", "some")
        return Calling(form, self.tokenizer, self.eos_ids)

    def reader(self, tools: Tools) -> CallReader:
        """Takes a completion's text, as it comes, apart into text and calls."""
        return self.calling.reader(tools)

    def answer(self, call: TextCall, completions: Sequence[Completion], seconds: float) -> TextAnswer:
        return TextAnswer(completions, call.n, {"predict": seconds})

    def stop(self) -> None:
        self.engine.stop()

    def parameters(self, values: dict[str, Any]) -> SamplingParams:
        """A request's {name: value} as SamplingParams. Raises InvalidParameters."""
        return SamplingParams.from_request(values, self.default_max_tokens)

    def choices(self, values: dict[str, Any], n: int, logprobs: int | None = None) -> list[SamplingParams]:
        """SamplingParams of n completions of one prompt: seed, seed + 1, ... if it is set. Raises InvalidParameters."""
        params = replace(self.parameters(values), logprobs=logprobs)
        return [replace(params, seed=None if params.seed is None else params.seed + index) for index in range(n)]

    def stream(
        self, prompt: Prompt, params: SamplingParams, *, add_special_tokens: bool = False, tools: Tools | None = None
    ) -> Generation:
        """A Generation, not yet started: an iterator of pieces of text.

        prompt: a text, token ids, or messages {"role", "content"} for the model's chat template. add_special_tokens:
        whether the tokenizer adds its own (such as a start token) around a text. tools: functions that messages are
        answered with; their calls are in the text as the model writes them. Raises InvalidParameters at once;
        PredictionFailed while iterating.
        """
        functions = () if tools is None else tools.functions
        ids = self._encoder.encode(prompt, params, add_special_tokens=add_special_tokens, functions=functions)
        guide = None if params.constraint is None else self._constraints.guide(params.constraint)
        sequence = self.engine.generate(ids, params, self.eos_ids, guide)
        kept = frozenset() if tools is None else self.calling.kept
        detokenizer = Detokenizer(partial(self._decode, kept=kept), ids, params.stop)
        return Generation(sequence, detokenizer, prompt_tokens=len(ids), eos_ids=sequence.end_ids)

    def generate(self, prompt: Prompt, params: SamplingParams, *, add_special_tokens: bool = False) -> Completion:
        """As stream(), to its end. Raises InvalidParameters or PredictionFailed."""
        return self.stream(prompt, params, add_special_tokens=add_special_tokens).collect()

    def warm_up(self) -> None:
        """Replay the stored example, greedily, and compare token by token. Raises StartupError.

        The comparison is exact: packing stored only those leading tokens whose lead over the runner-up is far beyond
        what another processor's rounding can turn.
        """
        prompt, expected = self.manifest.example["prompt"], self.manifest.example["token_ids"]
        params = SamplingParams(max_tokens=max(1, len(expected)), temperature=0)
        try:
            tokens = list(self.engine.generate(self._encoder.encode(prompt, params), params, self.eos_ids))
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if tokens[: len(expected)] != expected:
            raise StartupError(
                f"{self.name} version {self.version} continues its own example with {self._decode(tokens)!r}, "
                f"but was packed with {self._decode(expected)!r}"
            )

    def sample(self) -> list[Any]:
        return [self.manifest.example["prompt"]]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        params = SamplingParams(max_tokens=SAMPLED, temperature=0)
        return [self.generate(prompt, params).text for prompt in items]

    def texts(self, ids: Sequence[int]) -> list[str]:
        """Each token's own text; bytes that are no character by themselves become U+FFFD."""
        return self.tokenizer.decode_batch([[token] for token in ids], skip_special_tokens=False)

    def _decode(self, ids: Sequence[int], kept: Collection[int] = ()) -> str:
        """The text of these tokens, without special ones. kept: ids of special tokens that the text shows."""
        if not kept:
            return self.tokenizer.decode(ids, skip_special_tokens=True)
        shown = [token for token in ids if token in kept or token not in self._special_ids]
        return self.tokenizer.decode(shown, skip_special_tokens=False)
