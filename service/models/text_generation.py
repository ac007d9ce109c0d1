"""Text in, text out: a tokenizer, an engine that knows token ids only, and text again.

    model = TextGenerationModel.load(version, settings)
    params = model.parameters({"max_tokens": 20, "temperature": 0.6})
    for piece in model.stream("Once upon a time", params): ...      # as it is written
    model.generate("Once upon a time", params).text                 # all of it

Only the continuation is given, never the prompt.
"""

import logging
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.initialization import no_init_weights
from transformers.utils import logging as transformers_logging

from service.errors import InvalidParameters, PredictionFailed, ServiceError, StartupError
from service.generation.detokenise import Detokeniser
from service.generation.engine import SerialEngine
from service.generation.params import SamplingParams
from service.generation.stream import Generation
from service.models.base import Model

__all__ = ["TOKENIZER", "TextGenerationModel", "assemble", "misfit", "read_config", "read_network"]

log = logging.getLogger(__name__)

TOKENIZER = "tokenizer.json"

# transformers writes advice and progress bars meant for notebooks; a server's log is ours.
transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


class TextGenerationModel(Model):
    """One loaded version of a causal language model."""

    def __init__(self, manifest, tokenizer, engine, *, default_max_tokens):
        """tokenizer: a tokenizers.Tokenizer. engine: anything with SerialEngine's `generate`."""
        super().__init__(manifest)
        self.tokenizer = tokenizer
        # "<|im_end|>" typed by a caller is text, not the end of a turn.
        self.tokenizer.encode_special_tokens = True
        self.engine = engine
        self.default_max_tokens = default_max_tokens
        self.context_length = manifest.spec["context_length"]
        self.eos_ids = frozenset(manifest.spec["eos_token_ids"])
        self._longest_token = max(map(len, tokenizer.get_vocab()))

    @classmethod
    def load(cls, version, settings):
        version.verify()
        torch.set_num_threads(settings.compute_threads)
        spec = version.manifest.spec
        try:
            tokenizer = Tokenizer.from_file(str(version.folder / TOKENIZER))
            network = read_network(version.folder, spec["weights"])
        except StartupError as error:
            raise StartupError(f"{version} cannot be loaded: {error}") from error
        except Exception as error:  # parsers of configs and weights raise what they like; the version cannot serve
            raise StartupError(f"{version} cannot be loaded: {type(error).__name__}: {error}") from error
        return cls(version.manifest, tokenizer, SerialEngine(network), default_max_tokens=settings.max_tokens)

    def parameters(self, given):
        """{name: value} of a request -> SamplingParams. Raises InvalidParameters."""
        return SamplingParams.from_request(given, self.default_max_tokens)

    def stream(self, prompt, params, *, add_special_tokens=False):
        """Start a Generation: an iterator of pieces of text. Its counts and reason are read after the end.

        add_special_tokens: let the tokenizer put its own marks (such as a start token) around
        the prompt; the article's dialect does not. Raises InvalidParameters at once;
        PredictionFailed while iterating.
        """
        ids = self._encode(prompt, params, add_special_tokens)
        return Generation(
            self._tokens(ids, params),
            Detokeniser(self._decode, ids, params.stop),
            prompt_tokens=len(ids),
            eos_ids=self.eos_ids,
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
            found = list(self._tokens(self._encode(example["prompt"], params), params))
        except ServiceError as error:
            raise StartupError(f"{self.name} version {self.version} fails on its own example: {error}") from error
        if found[: len(wanted)] != wanted:
            raise StartupError(
                f"{self.name} version {self.version} continues its own example with {self._decode(found)!r}, "
                f"but was packed with {self._decode(wanted)!r}"
            )

    def _encode(self, prompt, params, add_special_tokens=False):
        # What cannot fit is not tokenised first: a body of megabytes would take seconds to refuse.
        if len(prompt) > self.context_length * self._longest_token:
            refuse("text", f"at most {self.context_length} tokens", f"{len(prompt)} characters")
        try:
            ids = self.tokenizer.encode(prompt, add_special_tokens=add_special_tokens).ids
        except TypeError:  # what the tokenizer says of a string that is not Unicode text
            refuse("text", "text of Unicode characters", "half of a surrogate pair")
        if not ids:
            refuse("text", "at least one token", "an empty text")
        if len(ids) >= self.context_length:
            refuse("text", f"less than the model's context of {self.context_length} tokens", f"{len(ids)} tokens")
        room = self.context_length - len(ids)
        if params.max_tokens > room:
            expected = f"at most {room}: the context is {self.context_length} tokens and the text takes {len(ids)}"
            refuse("max_tokens", expected, str(params.max_tokens))
        return ids

    def _decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def _tokens(self, ids, params):
        """The engine's tokens. What a network may raise becomes one error; the cause goes to the log."""
        try:
            yield from self.engine.generate(ids, params, self.eos_ids)
        except ServiceError:
            raise
        except Exception as error:
            log.exception("%s version %s raised while generating", self.name, self.version)
            raise PredictionFailed("the model failed while generating") from error


def refuse(parameter, expected, got):
    raise InvalidParameters(
        f"{parameter}: expected {expected}, got {got}",
        details=[{"parameter": parameter, "expected": expected, "got": got}],
    )


def read_config(folder):
    """The config of a checkpoint in the Hugging Face layout. Raises OSError or ValueError."""
    return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def read_network(folder, weights):
    """The network in `folder`, in evaluation mode. Raises StartupError where weights and config disagree.

    weights: the name of a `.safetensors` file, or of a state dict written by `torch.save`.
    They stay mapped from it, so the workers of a server share one copy: nothing is cast or
    copied. Nothing is fetched, and no code of a checkpoint is run.
    """
    path = Path(folder, weights)
    if path.suffix == ".safetensors":
        state = load_file(path)
    else:
        # weights_only: a pickle that holds anything but tensors is refused, not run.
        state = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    return assemble(read_config(folder), state)


def assemble(config, state):
    """A network of this config made of these very tensors: {name: tensor}.

    It is not built on the meta device: buffers that are never saved (the frequencies of
    rotary embeddings) would stay there. Without initialisation, building is as quick.
    """
    with no_init_weights():
        network = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    try:
        absent, unknown = network.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:  # shapes that differ
        raise StartupError(f"the weights do not fit the config: {error}") from None
    network.tie_weights()
    # A tied weight may be stored once; a buffer that is computed may be stored by an older transformers.
    given, present = {tensor.data_ptr() for tensor in state.values()}, network.state_dict()
    absent = [name for name in absent if present[name].data_ptr() not in given]
    computed = {name for name, _ in network.named_buffers()}
    unknown = [name for name in unknown if name not in computed]
    if absent or unknown:
        faults = [f"lack {name}" for name in absent] + [f"hold {name}, which the network has not" for name in unknown]
        raise StartupError(misfit(faults))
    return network.requires_grad_(False).eval()


def misfit(faults):
    """One sentence of what is wrong with the weights, three faults by name."""
    more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
    return f"the weights do not fit the config: they {'; '.join(faults[:3])}{more}"
