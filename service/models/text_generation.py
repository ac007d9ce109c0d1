"""Text in, text out: a tokenizer, an engine that knows token ids only, and text again.

    model = TextGenerationModel.load(version, settings)
    params = model.parameters({"max_tokens": 20, "temperature": 0.6})
    for piece in model.stream("Once upon a time", params): ...      # as it is written
    model.generate("Once upon a time", params).text                 # all of it

Only the continuation is given, never the prompt.
"""

import logging
from dataclasses import dataclass, replace

from tokenizers import Tokenizer

from ..capabilities import GENERATE_TEXT
from ..errors import InvalidParameters, RequestError, ServiceError, StartupError
from ..generation.batch_check import check_batching
from ..generation.completion import Generation
from ..generation.constraint import Constraints
from ..generation.detokenizer import Detokenizer
from ..generation.engine import Engine
from ..generation.params import SamplingParams
from ..scheduling.admission import RESERVED_THREADS
from .base import StreamingModel
from .chat import ChatTemplate

__all__ = ["TOKENIZER", "TextGenerationModel"]

log = logging.getLogger(__name__)

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class TextAnswer:
    """The completions of one call: `n` of each prompt, side by side."""

    completions: list
    n: int
    seconds: dict
    warnings: tuple = ()

    @property
    def tokens(self):
        """(of prompts, of completions); the prompt of several completions is counted once."""
        prompts = sum(one.prompt_tokens for one in self.completions[:: self.n])
        return prompts, sum(one.completion_tokens for one in self.completions)


class TextGenerationModel(StreamingModel):
    """One loaded version of a causal language model."""

    capabilities = (GENERATE_TEXT,)
    min_threads = RESERVED_THREADS + 1

    def __init__(self, manifest, tokenizer, engine, *, default_max_tokens, chat=None):
        """tokenizer: a tokenizers.Tokenizer. engine: an Engine. chat: a ChatTemplate."""
        super().__init__(manifest)
        self.tokenizer = tokenizer
        # "<|im_end|>" typed by a caller is text, not the end of a turn.
        self.tokenizer.encode_special_tokens = True
        self.engine = engine
        self.chat = chat
        self.default_max_tokens = default_max_tokens
        self.context_length = min(manifest.spec["context_length"], engine.capacity)
        self.vocabulary_size = manifest.spec["vocabulary_size"]
        self.eos_ids = frozenset(manifest.spec["eos_token_ids"])
        self._longest_token = max(map(len, tokenizer.get_vocab()))
        self._constraints = Constraints(tokenizer.to_str, vocabulary_size=self.vocabulary_size, eos_ids=self.eos_ids)

    @classmethod
    def load(cls, version, settings):
        version.verify()
        try:
            tokenizer = Tokenizer.from_file(str(version.folder / TOKENIZER))
            chat = ChatTemplate.load(version, tokenizer)
            runner = load_runner(version, settings)
        except StartupError as error:
            raise StartupError(f"{version} cannot be loaded: {error}") from error
        except Exception as error:  # parsers of configs and weights raise what they like; the version cannot serve
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {error}") from error
        engine = Engine(
            runner,
            kv_bytes=settings.kv_bytes,
            prefix_bytes=settings.prefix_bytes,
            max_waiting=settings.max_waiting,
            max_waiting_tokens=settings.max_waiting_tokens,
        )
        return cls(version.manifest, tokenizer, engine, default_max_tokens=settings.max_tokens, chat=chat)

    @property
    def failure(self):
        """None, or why it can serve no more: a sentence."""
        return self.engine.failure

    def generations(self, call):
        """The Generations of a TextCall, not yet started: `n` for each prompt. Raises InvalidParameters."""
        choices = self.choices(call.parameters, call.n, call.logprobs)
        return [self.stream(prompt, params) for prompt in call.prompts for params in choices]

    def answer(self, call, completions, seconds):
        return TextAnswer(completions, call.n, {"predict": seconds})

    def stop(self):
        self.engine.stop()

    def parameters(self, given):
        """{name: value} of a request -> SamplingParams. Raises InvalidParameters."""
        return SamplingParams.from_request(given, self.default_max_tokens)

    def choices(self, given, n, logprobs=None):
        """As many SamplingParams for one prompt; with a seed each has its own. Raises InvalidParameters."""
        params = replace(self.parameters(given), logprobs=logprobs)
        seeds = [None if params.seed is None else params.seed + place for place in range(n)]
        return [replace(params, seed=seed) for seed in seeds]

    def stream(self, prompt, params, *, add_special_tokens=False):
        """A Generation: an iterator of pieces of text. Its counts and reason are read after the end.

        prompt: a text, token ids, or messages {"role", "content"} for the model's chat template.
        add_special_tokens: let the tokenizer put its own marks (such as a start token) around
        the prompt; the article's dialect does not. Raises InvalidParameters at once;
        PredictionFailed while iterating.
        """
        ids = self._encode(prompt, params, add_special_tokens)
        guide = None if params.constraint is None else self._guide(params)
        sequence = self.engine.generate(ids, params, self.eos_ids, guide)
        return Generation(
            sequence, Detokenizer(self._decode, ids, params.stop), prompt_tokens=len(ids), eos_ids=sequence.end_ids
        )

    def generate(self, prompt, params, *, add_special_tokens=False):
        """Prompt -> Completion. Raises InvalidParameters or PredictionFailed."""
        return self.stream(prompt, params, add_special_tokens=add_special_tokens).collect()

    def warm_up(self):
        """Replay the stored example, greedily, and compare token by token.

        The comparison is exact: packing stored only those leading tokens whose lead over the
        runner-up is far beyond what another processor's rounding can turn.
        """
        example = self.manifest.example
        wanted = example["token_ids"]
        params = SamplingParams(max_tokens=max(1, len(wanted)), temperature=0)
        try:
            found = list(self.engine.generate(self._encode(example["prompt"], params), params, self.eos_ids))
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if found[: len(wanted)] != wanted:
            raise StartupError(
                f"{self.name} version {self.version} continues its own example with {self._decode(found)!r}, "
                f"but was packed with {self._decode(wanted)!r}"
            )

    def texts(self, ids):
        """Each token's own text; bytes that are no character by themselves are shown as such."""
        return self.tokenizer.decode_batch([[one] for one in ids], skip_special_tokens=False)

    def _encode(self, prompt, params, add_special_tokens=False):
        ids = self._ids(prompt, add_special_tokens)
        if not ids:
            refuse("text", "at least one token", "an empty text")
        if max(ids) >= self.vocabulary_size:
            refuse("prompt", f"token ids below {self.vocabulary_size}", str(max(ids)))
        if len(ids) >= self.context_length:
            refuse("text", f"less than the model's context of {self.context_length} tokens", f"{len(ids)} tokens")
        self._check_room(ids, params)
        return ids

    def _ids(self, prompt, add_special_tokens):
        if isinstance(prompt, str):
            return self._ids_of_text(prompt, add_special_tokens)
        if not all(isinstance(one, dict) for one in prompt):
            return prompt
        if self.chat is None:
            raise RequestError(f"{self.name} has no chat template; send it a prompt")
        self._check_length(sum(len(text) for message in prompt for text in message.values()))
        try:
            return self.chat.ids(prompt)
        except TypeError:
            refuse("messages", "text of Unicode characters", "half of a surrogate pair")

    def _check_length(self, characters):
        # What cannot fit is not tokenised first: a body of megabytes would take seconds to refuse.
        if characters > self.context_length * self._longest_token:
            refuse("text", f"at most {self.context_length} tokens", f"{characters} characters")

    def _ids_of_text(self, prompt, add_special_tokens):
        self._check_length(len(prompt))
        try:
            return self.tokenizer.encode(prompt, add_special_tokens=add_special_tokens).ids
        except TypeError:  # what the tokenizer says of a string that is not Unicode text
            refuse("text", "text of Unicode characters", "half of a surrogate pair")

    def _check_room(self, ids, params):
        named = (*params.stop_token_ids, *(params.logit_bias or ()))
        if named and max(named) >= self.vocabulary_size:
            parameter = "logit_bias" if params.logit_bias and max(named) in params.logit_bias else "stop_token_ids"
            refuse(parameter, f"token ids below {self.vocabulary_size}", str(max(named)))
        room = self.context_length - len(ids)
        if params.max_tokens > room:
            expected = f"at most {room}: the context is {self.context_length} tokens and the text takes {len(ids)}"
            refuse("max_tokens", expected, str(params.max_tokens))

    def _guide(self, params):
        if params.ignore_eos:
            refuse("ignore_eos", "false where there is a constraint, which only an end token can end", "true")
        return self._constraints.guide(params.constraint)

    def _decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True)


def load_runner(version, settings):
    """What runs the model: its graph; where it has none, or this machine runs it wrongly, its torch network."""
    spec = version.manifest.spec
    if spec["runtime"]["name"] == "onnx":
        runner = tested_graph(version, settings)
        if runner is not None:
            return runner
    # Imported only here: a worker whose models all have graphs is spared torch and transformers.
    import torch

    from .checkpoints import read_network

    torch.set_num_threads(settings.compute_threads)
    network = read_network(version.folder, spec["weights"])
    # Asked in a worker, never in the process that starts them: CUDA does not survive a fork.
    if torch.cuda.is_available():
        network = network.to("cuda")
    return tested_network(version, network, settings)


def tested_network(version, network, settings):
    """A TorchRunner that gives rows together what it gives them alone; or a SerialRunner, and the log says why."""
    from ..generation.serial_runner import SerialRunner
    from ..generation.torch_runner import TorchRunner

    size = {"rows": settings.slots, "length": version.manifest.spec["context_length"]}
    serial = SerialRunner(network, **size)
    try:
        runner = TorchRunner(network, **size, kv_bytes=settings.kv_bytes)
        check_batching(runner, serial)
    except Exception as error:  # what a network makes of a cache that is not its own, nobody knows
        log.warning("%s: its rows are written one by one: %s: %s", version, type(error).__name__, error)
        return serial
    return runner


def tested_graph(version, settings):
    """A OnnxRunner that gives rows together what it gives them alone; otherwise None, and the log says why."""
    from ..generation.onnx_runner import OnnxRunner

    spec = version.manifest.spec
    try:
        runner = OnnxRunner(
            version.folder / spec["runtime"]["payload"],
            shapes=[(spec["runtime"]["heads"], spec["runtime"]["head_size"])] * (2 * spec["runtime"]["layers"]),
            rows=settings.slots,
            length=spec["context_length"],
            kv_bytes=settings.kv_bytes,
            threads=settings.compute_threads,
        )
        check_batching(runner)
    except Exception:
        log.exception("%s: its graph cannot be run here; torch runs it instead, slower", version)
        return None
    return runner


def refuse(parameter, expected, got):
    raise InvalidParameters(
        f"{parameter}: expected {expected}, got {got}",
        details=[{"parameter": parameter, "expected": expected, "got": got}],
    )
