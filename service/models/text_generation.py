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
from ..errors import ArtifactMissing, DigestMismatch, InvalidParameters, ServiceError, StartupError, in_a_line
from ..generation.completion import Completion, Generation
from ..generation.detokenizer import Detokenizer
from ..generation.params import SamplingParams
from ..scheduling.admission import RESERVED_THREADS
from .base import StreamingModel
from .chat import ChatTemplate
from .engine.client import EngineClient
from .engine.remote import RemoteEngine
from .prompt_encoder import Prompt, PromptEncoder, refuse
from .sampling_defaults import sampling_defaults
from .text_faults import every_fault
from .text_runner import TOKENIZER, constraints_of, load_engine
from .token_bytes import TokenBytes
from .tools.calling import Calling
from .tools.reader import CallReader

if TYPE_CHECKING:
    from ..generation.constraint import Constraints
    from ..generation.engine import Engine
    from ..settings import Settings
    from ..store.manifest import Manifest
    from ..store.versions import StoredVersion

__all__ = ["TOKENIZER", "TextGenerationModel"]

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
        plain: Tokenizer,
        engine: Engine | RemoteEngine,
        constraints: Constraints,
        settings: Settings,
        *,
        sampling: dict[str, Any] | None = None,
        chat: ChatTemplate | None = None,
    ) -> None:
        """plain: the tokenizer again, which reads special tokens in a text as text. sampling: the checkpoint's own
        defaults (sampling_defaults). chat: None for a model without a chat template."""
        super().__init__(manifest)
        self.tokenizer = tokenizer
        self.engine = engine
        self.chat = chat
        self._settings, self._sampling = settings, sampling or {}
        self._token_bytes = TokenBytes(tokenizer)
        self.eos_ids = frozenset(manifest.spec["eos_token_ids"])
        self.context_length = min(manifest.spec["context_length"], engine.capacity)
        added = tokenizer.get_added_tokens_decoder()
        self._special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        vocabulary_size = manifest.spec["vocabulary_size"]
        self.encoder = PromptEncoder(
            self.name, tokenizer, plain, chat, context_length=self.context_length, vocabulary_size=vocabulary_size
        )
        self._constraints = constraints

    @classmethod
    def load(cls, version: StoredVersion, settings: Settings) -> TextGenerationModel:
        try:
            if settings.engine_socket:
                engine: Engine | RemoteEngine = EngineClient.at(settings.engine_socket).open(
                    version.manifest.model, version.manifest.version, RemoteEngine
                )
            else:
                version.verify()
                engine = load_engine(version, settings)
            with version.open(TOKENIZER) as file:
                text = file.read()
            tokenizer, plain = read_tokenizer(text), read_tokenizer(text)
            # What a chat's user writes stays text: "<|im_end|>" must not end the turn.
            plain.encode_special_tokens = True
            chat = ChatTemplate.load(version, plain)
            sampling = sampling_defaults(version.folder)
        except (ArtifactMissing, DigestMismatch):
            raise
        except StartupError as error:
            raise StartupError(f"{version} cannot be loaded: {in_a_line(error)}") from error
        except Exception as error:  # the parsers of configs and weights raise all kinds of exceptions
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {in_a_line(error)}") from error
        constraints = constraints_of(version)
        return cls(version.manifest, tokenizer, plain, engine, constraints, settings, sampling=sampling, chat=chat)

    @property
    def failure(self) -> str | None:
        return self.engine.failure

    def generations(self, call: TextCall) -> list[Generation]:
        """The Generations of a call, not yet started: `n` for each prompt. Raises InvalidParameters."""
        most, count = self._settings.slots + self._settings.max_waiting, len(call.prompts) * call.n
        if count > most:
            refuse("n" if call.n > 1 else "text", f"at most {most} completions in a request", str(count))
        try:
            choices = self.choices(call)
            if call.tools is not None:
                constraint = self.checked_constraint(choices[0].constraint, call.tools)
                choices = [replace(params, constraint=constraint) for params in choices]
            made = [
                self.stream(prompt, params, special_tokens=call.special_tokens, tools=call.tools)
                for prompt in call.prompts
                for params in choices
            ]
        except InvalidParameters as error:
            raise every_fault(self, call, error) from None
        tokens = sum(generation.prompt_tokens for generation in made)
        if count > 1 and tokens > self._settings.max_waiting_tokens:
            refuse("text", f"prompts of at most {self._settings.max_waiting_tokens} tokens together", str(tokens))
        return made

    def checked_constraint(self, constraint: dict[str, Any] | None, tools: Tools | None) -> dict[str, Any] | None:
        """The constraint, or that of a text which may call functions. Raises InvalidParameters where none is met."""
        if tools is not None:
            return self.calling.constraint(tools, constraint, self._constraints.why_not)
        if constraint is not None:
            self._constraints.grammar(constraint)
        return constraint

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

    def describe(self) -> dict[str, Any]:
        return super().describe() | {
            "chat": self.chat is not None,
            "calls_functions": self.chat is not None and self.chat.calls is not None,
            "sampling_defaults": self.sampling_defaults(to_the_end=True),
        }

    def sampling_defaults(self, *, to_the_end: bool = False) -> dict[str, Any]:
        """What holds where a request says nothing: the checkpoint's own, and max_tokens. to_the_end: as in TextCall."""
        if not to_the_end:
            return self._sampling | {"max_tokens": self._settings.max_tokens}
        own, most = self._sampling.get("max_tokens"), self._settings.max_completion_tokens
        return {"temperature": 1.0} | self._sampling | {"max_tokens": most if own is None else min(most, own)}

    def parameters(self, values: dict[str, Any], *, to_the_end: bool = False) -> SamplingParams:
        """A request's {name: value} as SamplingParams. Raises InvalidParameters."""
        return SamplingParams.from_request(values, self.sampling_defaults(to_the_end=to_the_end))

    def choices(self, call: TextCall) -> list[SamplingParams]:
        """SamplingParams of each completion of a prompt: seed, seed + 1, ... if it is set. Raises InvalidParameters."""
        params = replace(self.parameters(call.parameters, to_the_end=call.to_the_end), logprobs=call.logprobs)
        return [replace(params, seed=None if params.seed is None else params.seed + index) for index in range(call.n)]

    def stream(
        self, prompt: Prompt, params: SamplingParams, *, special_tokens: bool = True, tools: Tools | None = None
    ) -> Generation:
        """A Generation, not yet started: an iterator of pieces of text.

        prompt: a text, token ids, or messages {"role", "content"} for the model's chat template. special_tokens: as
        in TextCall. tools: functions that messages are answered with; their calls are in the text as the model writes
        them. Raises InvalidParameters at once; PredictionFailed while iterating.
        """
        functions = () if tools is None else tools.functions
        ids = self.encoder.encode(prompt, special_tokens=special_tokens, functions=functions)
        params = self.encoder.fitted(params, len(ids))
        grammar = None if params.constraint is None else self._constraints.grammar(params.constraint)
        sequence = self.engine.generate(ids, params, self.eos_ids, grammar)
        kept = frozenset() if tools is None else self.calling.kept
        detokenizer = Detokenizer(partial(self._decode, kept=kept), ids, params.stop)
        return Generation(sequence, detokenizer, prompt_tokens=len(ids), eos_ids=sequence.end_ids)

    def generate(self, prompt: Prompt, params: SamplingParams, *, special_tokens: bool = True) -> Completion:
        """As stream(), to its end. Raises InvalidParameters or PredictionFailed."""
        return self.stream(prompt, params, special_tokens=special_tokens).collect()

    def warm_up(self) -> None:
        """Replay the stored example, greedily, and compare token by token; once for each engine. Raises StartupError.

        The comparison is exact: packing stored only those leading tokens whose lead over the runner-up is far beyond
        what another processor's rounding can turn.
        """
        if self.engine.proven:
            return
        prompt, expected = self.manifest.example["prompt"], self.manifest.example["token_ids"]
        params = SamplingParams(max_tokens=max(1, len(expected)), temperature=0)
        try:
            ids = self.encoder.encode(prompt)
            tokens = list(self.engine.generate(ids, self.encoder.fitted(params, len(ids)), self.eos_ids))
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if tokens[: len(expected)] != expected:
            raise StartupError(
                f"{self.name} version {self.version} continues its own example with {self._decode(tokens)!r}, "
                f"but was packed with {self._decode(expected)!r}; where an earlier release packed it, pack it again"
            )
        self.engine.proven = True

    def sample(self) -> list[Any]:
        return [self.manifest.example["prompt"]]

    def answer_sample(self, items: list[Any]) -> list[Any]:
        params = SamplingParams(max_tokens=SAMPLED, temperature=0)
        return [self.generate(prompt, params).text for prompt in items]

    def token_bytes(self, token: int) -> bytes | None:
        """A token's own bytes, which may be a part of a character; None for one that no text shows."""
        return self._token_bytes.of(token)

    def token_name(self, token: int) -> str:
        """A token as the vocabulary spells it."""
        return self.tokenizer.id_to_token(token) or f"token_id:{token}"

    def _decode(self, ids: Sequence[int], kept: Collection[int] = ()) -> str:
        """The text of these tokens, without special ones. kept: ids of special tokens that the text shows."""
        if not kept:
            return self.tokenizer.decode(ids, skip_special_tokens=True)
        shown = [token for token in ids if token in kept or token not in self._special_ids]
        return self.tokenizer.decode(shown, skip_special_tokens=False)


def read_tokenizer(text: bytes) -> Tokenizer:
    """A tokenizer.json, whose own settings for batches (to cut or to fill up texts) no prompt must meet."""
    tokenizer = Tokenizer.from_buffer(text)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
