"""The demo text model against transformers: 50 prompts, 64 tokens each, alone and 16 at once in any order.

A few are compared with `generate`. Of all, every token must be the one that the torch network holds
likeliest after those before it, which is the same by induction, in one pass instead of 64.
Minutes of work, so `make test-text` runs it and `make test` does not.
"""

import random
from pathlib import Path

import pytest
import torch

from service import models
from service.generation.params import SamplingParams
from service.models.checkpoints import read_network
from service.settings import Settings
from service.store.versions import Store
from tests.support.prompts import PROMPTS

STORE = Path(__file__).parents[2] / "artifacts"
TOKENS = 64
TIE = 1e-4  # where torch's own first and second choice are this close, rounding decides

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
    return [served.tokenizer.encode(one, add_special_tokens=False).ids for one in PROMPTS]


@pytest.fixture(scope="module")
def network():
    version = Store(STORE).open("smollm2")
    return read_network(version.folder, version.manifest.spec["weights"])


def run(model, prompts, order):
    """The tokens of every prompt, all of them in the engine at once, started in this order."""
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    running = {place: model.engine.generate(prompts[place], params, model.eos_ids) for place in order}
    for sequence in running.values():
        sequence.start()
    return [list(running[place]) for place in range(len(prompts))]


@pytest.fixture(scope="module")
def alone(served, prompts):
    return [run(served, [ids], [0])[0] for ids in prompts]


@torch.inference_mode()
def lead_of_the_likeliest(network, ids, found):
    """By how much torch's own choice leads over each token that was written: 0 where they are the same."""
    logits = network(torch.tensor([ids + found])).logits[0, len(ids) - 1 : -1]
    return (logits.max(-1).values - logits.gather(1, torch.tensor(found)[:, None])[:, 0]).max().item()


def test_every_token_is_torchs_own(served, network, prompts, alone):
    leads = [lead_of_the_likeliest(network, ids, found) for ids, found in zip(prompts, alone, strict=True)]
    assert max(leads) < TIE
    ended = [found[-1] in served.eos_ids for found in alone]
    assert [len(found) == TOKENS or end for found, end in zip(alone, ended, strict=True)] == [True] * 50


@pytest.mark.parametrize("place", range(0, 50, 12))
def test_the_tokens_are_those_of_generate(served, network, prompts, alone, place):
    ids = torch.tensor([prompts[place]])
    ends = sorted(served.eos_ids)
    out = network.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=TOKENS,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=0,
    )
    assert alone[place] == out[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("seed", [0, 1])
def test_sixteen_at_once_in_any_order_are_those_of_each_alone(served, network, prompts, alone, seed):
    order = random.Random(seed).sample(range(len(prompts)), len(prompts))
    found = run(served, prompts, order)
    different = [place for place, one in enumerate(alone) if found[place] != one]
    assert [place for place in different if lead_of_the_likeliest(network, prompts[place], found[place]) >= TIE] == []


def test_a_long_prompt_with_and_without_a_known_beginning(served, prompts):
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    long = [token for ids in prompts for token in ids][:600]
    fresh = models.load(Store(STORE).open("smollm2"), Settings(workers=1, prefix_bytes=0))
    for ids in (long, [*long[:500], *prompts[0]], long):
        assert list(served.engine.generate(ids, params)) == list(fresh.engine.generate(ids, params))
