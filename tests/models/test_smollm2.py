"""The demo text model against transformers: 50 prompts, 64 tokens each, alone and 16 at once in any order.

A few are compared with `generate`. Of all of them, every token must be the one that the torch network finds most
probable after those before it: by induction that is the same, in one pass instead of 64.
Minutes of work, so `make test-text` runs it and `make test` does not.
"""

import random
from pathlib import Path

import pytest
import torch

from service import models
from service.generation.params import SamplingParams
from service.models.checkpoints import read_network
from service.packing import quality
from service.settings import Settings
from service.store.versions import Store
from tests.support.prompts import PROMPTS

STORE = Path(__file__).parents[2] / "artifacts"
TOKENS = 64
TIE = 1e-4  # in logits: where torch's first and second choice are this close, rounding decides

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not (STORE / "smollm2").is_dir(), reason="the demo model is not built: make artifacts"),
]


@pytest.fixture(scope="module")
def served():
    model = models.load(Store(STORE).open("smollm2"), Settings(workers=1))
    assert model.manifest.spec["runtime"]["precision"] == "float32"
    return model


@pytest.fixture(scope="module")
def prompts(served):
    assert len(PROMPTS) == 50
    assert not set(PROMPTS) & set(quality.PROMPTS)
    return [served.tokenizer.encode(each, add_special_tokens=False).ids for each in PROMPTS]


@pytest.fixture(scope="module")
def network():
    version = Store(STORE).open("smollm2")
    return read_network(version.folder, version.manifest.spec["weights"])


def run(model, prompts, order):
    """The tokens of every prompt, all of them in the engine at once, started in this order."""
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    running = {index: model.engine.generate(prompts[index], params, model.eos_ids) for index in order}
    for sequence in running.values():
        sequence.start()
    return [list(running[index]) for index in range(len(prompts))]


@pytest.fixture(scope="module")
def alone(served, prompts):
    return [run(served, [ids], [0])[0] for ids in prompts]


@torch.inference_mode()
def largest_lead(network, ids, tokens):
    """The largest lead in logits of torch's own choice over the token that was generated; 0 if all are the same."""
    logits = network(torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1]
    return (logits.max(-1).values - logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]).max().item()


def test_every_token_is_torchs_most_probable(served, network, prompts, alone):
    leads = [largest_lead(network, ids, tokens) for ids, tokens in zip(prompts, alone, strict=True)]
    assert max(leads) < TIE
    ended = [tokens[-1] in served.eos_ids for tokens in alone]
    assert [len(tokens) == TOKENS or end for tokens, end in zip(alone, ended, strict=True)] == [True] * 50


@pytest.mark.parametrize("index", range(0, 50, 12))
def test_the_tokens_are_those_of_generate(served, network, prompts, alone, index):
    ids = torch.tensor([prompts[index]])
    ends = sorted(served.eos_ids)
    output = network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=TOKENS,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=0,
    )
    assert alone[index] == output[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("seed", [0, 1])
def test_batches_in_any_order_have_the_tokens_of_each_alone(served, network, prompts, alone, seed):
    order = random.Random(seed).sample(range(len(prompts)), len(prompts))
    tokens = run(served, prompts, order)
    different = [index for index, each in enumerate(alone) if tokens[index] != each]
    assert [index for index in different if largest_lead(network, prompts[index], tokens[index]) >= TIE] == []


def test_a_long_prompt_with_and_without_a_cached_prefix(served, prompts):
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    long = [token for ids in prompts for token in ids][:600]
    fresh = models.load(Store(STORE).open("smollm2"), Settings(workers=1, prefix_bytes=0))
    for ids in (long, [*long[:500], *prompts[0]], long):
        assert list(served.engine.generate(ids, params)) == list(fresh.engine.generate(ids, params))
