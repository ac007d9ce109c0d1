"""Every architecture of the documentation's table, against transformers: token for token, alone and 16 at once.

The table in docs/checkpoints.md is `table()` of tests.support.architectures, where a row of it is added.
Packing all of them takes minutes, so `make test-text` runs it; `make test` packs two.
"""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from service import models
from service.generation.onnx_runner import OnnxRunner
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from tests.support.architectures import ARCHITECTURES, BUILDER, EXPORTER, TORCH, WINDOW, save_architecture, table
from tests.support.prompts import PROMPTS

DOCS = Path(__file__).parents[2] / "docs" / "checkpoints.md"
TOKENS = 24
AT_ONCE = 16
TIE = 1e-3  # of the largest logit: where torch's first and second choice are this close, rounding decides


def pack(folder, name, *, bos=False):
    checkpoint = save_architecture(folder / "checkpoint", name, bos=bos)
    return checkpoint, pack_checkpoint(checkpoint, name="tiny", store=folder / "store")


def texts():
    """Of 1 to 90 characters, some of them far longer than a window."""
    prompts = ["a", *(text[: 5 + 6 * place] for place, text in enumerate(PROMPTS[: AT_ONCE - 2])), PROMPTS[0] * 3]
    return [prompt[:90] for prompt in prompts]


@torch.inference_mode()
def lead(network, ids, tokens):
    """How far torch's own choices are ahead of these tokens, as a part of the largest logit."""
    logits = network(torch.tensor([ids + tokens])).logits[0, len(ids) - 1 : -1]
    behind = logits.max(-1).values - logits.gather(1, torch.tensor(tokens)[:, None])[:, 0]
    return float((behind / logits.abs().max()).max())


def check(checkpoint, version, compiler):
    """Greedy tokens of every prompt, alone and all at once, against transformers' own network and tokenizer."""
    runtime = version.manifest.spec["runtime"]
    assert runtime.get("compiler", TORCH) == compiler, runtime
    served = models.load(version, Settings(workers=1, slots=AT_ONCE, prefix_bytes=0))
    served.warm_up()
    network = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    prompts = [tokenizer(text).input_ids for text in texts()]
    params = SamplingParams(max_tokens=TOKENS, temperature=0)
    for text, ids in zip(texts(), prompts, strict=True):
        assert served.generate(text, params).prompt_tokens == len(ids)
    running = [served.engine.generate(ids, params, served.eos_ids) for ids in prompts]
    for sequence in running:
        sequence.start()
    together = [list(sequence) for sequence in running]
    alone = [list(served.engine.generate(ids, params, served.eos_ids)) for ids in prompts[::5]]
    assert alone == together[::5]
    assert max(lead(network, ids, tokens) for ids, tokens in zip(prompts, together, strict=True)) < TIE
    assert max(map(len, together)) == TOKENS
    return served


@pytest.mark.heavy
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_writes_what_transformers_writes(tmp_path, name):
    checkpoint, version = pack(tmp_path, name)
    check(checkpoint, version, ARCHITECTURES[name].compiler)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["LlamaForCausalLM", "Gemma2ForCausalLM", "OPTForCausalLM", "MambaForCausalLM"])
def test_a_start_token_is_written_where_the_tokenizer_writes_one(tmp_path, name):
    checkpoint, version = pack(tmp_path, name, bos=True)
    check(checkpoint, version, ARCHITECTURES[name].compiler)


@pytest.mark.heavy
def test_an_architecture_that_the_builder_does_not_know_is_exported(tmp_path):
    checkpoint, version = pack(tmp_path, "GPT2LMHeadModel")
    served = check(checkpoint, version, EXPORTER)
    assert isinstance(served.engine.runner, OnnxRunner)
    assert version.manifest.spec["runtime"]["equal_tokens"] == 1
    assert version.manifest.files.keys() >= {"model.onnx", "model.onnx.data"}
    with pytest.raises(ValueError, match="cannot be compiled to int4: the model builder refused GPT2LMHeadModel") as no:
        pack_checkpoint(checkpoint, name="tiny", store=tmp_path / "store", precision="int4")
    assert str(tmp_path) not in str(no.value)


@pytest.mark.heavy
def test_windows_slide_for_each_row_of_a_batch(tmp_path):
    """Prompts shorter and longer than the window of 16, and completions that leave it, in one batch."""
    assert {len(text) < WINDOW for text in texts()} == {True, False}
    check(*pack(tmp_path, "MistralForCausalLM-window"), EXPORTER)


def test_the_documentation_has_the_table():
    assert table() in DOCS.read_text(encoding="utf-8"), f"docs/checkpoints.md should have:\n{table()}"
    assert {each.compiler for each in ARCHITECTURES.values()} == {BUILDER, EXPORTER, TORCH}
