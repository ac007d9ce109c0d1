"""Prove a packed text model: loaded as a worker loads it, it must give transformers' own greedy tokens.

    manifest = prove(draft, manifest, network, tokenizer, "Once upon a time")
    manifest.example["completion"], manifest.spec["runtime"]["equal_tokens"]

Where a graph of the model builder does not, torch's exporter makes another; where that does not, torch serves it. A
quantized model cannot give the same tokens; the manifest says how far it differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig

from ..errors import InvalidParameters
from ..generation.engine import Engine
from ..generation.params import SamplingParams
from ..generation.runner import Runner
from ..models.text_generation import TOKENIZER, TextGenerationModel
from ..settings import Settings
from ..store.draft import Draft
from ..store.manifest import Manifest
from ..store.versions import StoredVersion
from .decoder import COMPILER, Uncompilable, discard
from .decoder_export import export_decoder
from .quality import GREEDY_TOKENS, PROMPTS, PROSE, compared

__all__ = ["exported", "prove", "served_by_torch"]

EXAMPLE_TOKENS = 24
BEYOND_WINDOW = 8  # tokens of a prompt that have left a sliding window when the proof begins
REPLAYED_TOKENS = 8  # at most so many are replayed by every worker that starts
# A token is replayed only if the runner-up is this far behind, in logits: rounding on another processor
# moves those of float32 by a thousandth at most; those of weights of 8 or 4 bits by much more, for
# processors multiply such weights in different ways.
CLEAR_LEAD = {"float32": 0.01, "int8": 0.5, "int4": 0.5}
TOKENIZER_PROOF = ("Once upon a time", " two  spaces\n\n\ttab 1998", "naïve café, 日本語 🙂", "a <|im_end|> </s> <s> b")


def served_by_torch(reason: str) -> dict[str, str]:
    """What the manifest says of a model that torch runs."""
    return {"name": "torch", "precision": "float32", "reason": reason}


def exported(network: Any, folder: Path) -> dict[str, Any]:
    """Write the exporter's graph into `folder`, if it can be made; returns the manifest's "runtime"."""
    try:
        return export_decoder(network, folder)
    except Uncompilable as error:
        return served_by_torch(str(error))


def prove(draft: Draft, manifest: Manifest, network: Any, tokenizer: Any, prompt: str) -> Manifest:
    """The manifest with the example and the measurements, of the first runtime whose greedy tokens are transformers'.

    Raises ValueError where the served version differs from transformers.
    """
    served = TextGenerationModel.load(StoredVersion(draft.folder, manifest), Settings(workers=1))
    prove_tokenizer(served, tokenizer)
    runtime = manifest.spec["runtime"]
    if runtime["name"] == "onnx":
        measured = measure(network, served)
        if runtime["precision"] == "float32" and measured["equal_tokens"] < 1:
            discard(draft.folder)
            reason = f"the graph gives {measured['equal_tokens']:.1%} of transformers' own greedy tokens"
            other = exported(network, draft.folder) if runtime["compiler"] == COMPILER else served_by_torch(reason)
            manifest = replace(manifest, spec=manifest.spec | {"runtime": other}, files=draft.digests())
            return prove(draft, manifest, network, tokenizer, prompt)
        manifest = replace(manifest, spec=manifest.spec | {"runtime": runtime | measured})
    return replace(manifest, example=example(served, network, prompt))


def measure(network: Any, served: TextGenerationModel) -> dict[str, Any]:
    longest = served.context_length - GREEDY_TOKENS
    prompts = [served.tokenizer.encode(text).ids[:longest] for text in PROMPTS]
    prose = served.tokenizer.encode(PROSE).ids
    window = getattr(network.config.get_text_config(), "sliding_window", None)
    if window:  # one prompt is longer, so that tokens have left the window
        prompts.append((prose * (1 + window // len(prose)))[: min(window + BEYOND_WINDOW, longest)])
    return compared(network, runner_of(served), prompts, prose)


def runner_of(served: TextGenerationModel) -> Runner:
    assert isinstance(served.engine, Engine)  # packing loads it into this process
    return served.engine.runner


def example(served: TextGenerationModel, network: Any, prompt: str) -> dict[str, Any]:
    """Continue the prompt as a worker does, compare it with transformers, and return the stored example.

    Raises ValueError where tokens differ, unless the weights were quantized.
    """
    params = SamplingParams(max_tokens=EXAMPLE_TOKENS, temperature=0)
    try:
        completion = served.generate(prompt, params)
    except InvalidParameters as error:
        raise ValueError(f"the example prompt cannot be used: {error}") from None
    prompt_ids = served.tokenizer.encode(prompt).ids
    tokens = list(served.engine.generate(prompt_ids, params, served.eos_ids))
    precision = served.manifest.spec["runtime"]["precision"]
    if precision == "float32":
        expected = transformers_greedy(network, prompt_ids, served.eos_ids)
        if tokens != expected:
            raise ValueError(
                f"the served version continues {prompt!r} with tokens {tokens}, transformers with {expected}"
            )
    return {
        "prompt": prompt,
        "completion": completion.text,
        "token_ids": tokens[: clear_tokens(runner_of(served), prompt_ids, tokens, CLEAR_LEAD[precision])],
    }


def prove_tokenizer(served: TextGenerationModel, tokenizer: Any) -> None:
    """Raises ValueError where the served tokenizer splits a text otherwise than transformers."""
    for text in TOKENIZER_PROOF:
        for special_tokens in (True, False):
            expected = tokenizer(
                text, add_special_tokens=special_tokens, split_special_tokens=not special_tokens
            ).input_ids
            reads = served.encoder.tokenizer if special_tokens else served.encoder.plain
            ids = reads.encode(text, add_special_tokens=special_tokens).ids
            if ids != expected:
                raise ValueError(f"{TOKENIZER} splits {text!r} into {ids}, transformers into {expected}")


def transformers_greedy(network: Any, prompt_ids: list[int], eos_ids: Iterable[int]) -> list[int]:
    """What transformers' own `generate` continues with: token ids, the end token included."""
    network.generation_config = GenerationConfig(
        max_new_tokens=EXAMPLE_TOKENS, do_sample=False, eos_token_id=sorted(eos_ids) or None, pad_token_id=0
    )
    ids = torch.tensor([prompt_ids])
    return network.generate(ids, attention_mask=torch.ones_like(ids))[0, len(prompt_ids) :].tolist()


def clear_tokens(runner: Any, prompt_ids: list[int], completion_ids: list[int], lead: float) -> int:
    """How many leading tokens of the completion win by `lead` or more, REPLAYED_TOKENS at most."""
    ids = prompt_ids + completion_ids
    for count in range(min(REPLAYED_TOKENS, len(completion_ids))):
        logits = runner.extend(0, ids[: len(prompt_ids) + count], 0)
        second, first = np.partition(logits, -2)[-2:]
        if first - second < lead:
            return count
    return min(REPLAYED_TOKENS, len(completion_ids))
