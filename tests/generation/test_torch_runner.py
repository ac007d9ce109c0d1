"""Torch networks of several families: batched where the network allows it, one by one where not."""

import logging

import numpy as np
import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from service.generation.batch_check import check_batching
from service.generation.engine import Engine
from service.generation.kv_cache import HostSlots
from service.generation.params import SamplingParams
from service.generation.serial_runner import SerialRunner
from service.generation.torch_runner import DeviceSlots, TorchRunner
from service.models import text_runner
from service.settings import Settings
from tests.support.tiny_text import CONTEXT_LENGTH, byte_tokenizer, network, pack_tiny

ROWS = 4
SMALL = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.5,
}


def initialized(kind, config):
    torch.manual_seed(0)
    return kind(config).eval().requires_grad_(False)


def gpt2():
    return initialized(
        GPT2LMHeadModel, GPT2Config(vocab_size=300, n_positions=CONTEXT_LENGTH, n_embd=32, n_layer=2, n_head=2)
    )


def qwen3():
    return initialized(Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8))


def windowed():
    """Each token sees the 8 before it, so its cache forgets."""
    return initialized(MistralForCausalLM, MistralConfig(**SMALL, sliding_window=8))


def bloom():
    """Its attention counts positions by the mask, which it wants to be flat."""
    return initialized(BloomForCausalLM, BloomConfig(vocab_size=300, hidden_size=32, n_layer=2, n_head=4))


def eager():
    model = qwen3()
    model.set_attn_implementation("eager")
    return model


def llama(dtype=torch.float32):
    return network(byte_tokenizer()).to(dtype)


MANY = [llama, gpt2, qwen3, eager]


def runners(model):
    size = {"rows": ROWS, "length": CONTEXT_LENGTH}
    return TorchRunner(model, **size), SerialRunner(model, **size)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return pack_tiny(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("make", MANY)
def test_batched_rows_get_the_logits_of_each_alone(make):
    many, serial = runners(make())
    generator = np.random.default_rng(0)
    held = [1, 17, 60, 5]
    for slot, length in enumerate(held):
        ids = generator.integers(0, 256, length)
        for runner in (many, serial):
            logits = runner.extend(slot, ids, 0)
        assert logits.dtype == np.float32
    for _ in range(5):
        ids = generator.integers(0, 256, ROWS).tolist()
        together, alone = many.step(ids, held), serial.step(ids, held)
        assert together.shape == alone.shape
        assert np.abs(together - alone).max() <= 1e-4 * np.abs(alone).max()
        held = [tokens + 1 for tokens in held]
    # The first row leaves, and the last moves into its slot: its prefill goes on from there.
    for runner in (many, serial):
        runner.slots.copy(3, 0, held[3])
    more = generator.integers(0, 256, 7)
    assert np.abs(many.extend(0, more, held[3]) - serial.extend(0, more, held[3])).max() < 1e-3


@pytest.mark.parametrize("make", MANY)
def test_networks_with_a_plain_cache_are_batched(make, version):
    assert isinstance(text_runner.checked_network(version, make(), Settings(workers=1)), TorchRunner)


@pytest.mark.parametrize(("make", "reason"), [(windowed, "its cache has a DynamicSlidingWindowLayer"), (bloom, "")])
def test_other_networks_are_decoded_one_by_one(make, reason, version, caplog):
    model = make()
    with caplog.at_level(logging.WARNING):
        runner = text_runner.checked_network(version, model, Settings(workers=1))
    assert isinstance(runner, SerialRunner)
    assert "its sequences are decoded one by one" in caplog.text
    assert reason in caplog.text
    params = SamplingParams(max_tokens=20, temperature=0)
    prompts = [[1, 2, 3], list(range(40))]
    running = [Engine(runner).generate(ids, params) for ids in prompts]
    for ids, sequence in zip(prompts, running, strict=True):
        expected = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids)),
            max_new_tokens=20,
            min_new_tokens=20,
            do_sample=False,
            pad_token_id=0,
        )
        assert list(sequence) == expected[0, len(ids) :].tolist()


class Mixed(SerialRunner):
    """Gives the first row the logits of the last."""

    def step(self, ids, held):
        return super().step(ids, held)[::-1]


def test_check_batching_finds_a_runner_that_mixes_up_rows():
    model = qwen3()
    size = {"rows": ROWS, "length": CONTEXT_LENGTH}
    with pytest.raises(RuntimeError, match="rows decoded together differ by"):
        check_batching(Mixed(model, **size))
    with pytest.raises(RuntimeError, match="rows decoded together differ by"):
        check_batching(TorchRunner(gpt2(), **size), SerialRunner(model, **size))
    check_batching(TorchRunner(model, **size), SerialRunner(model, **size))


def test_device_slots_divide_the_memory_at_once():
    """Another dtype than float32 on the CPU has its slots in tensors, as on a GPU."""
    model = llama(torch.float64)
    runner = TorchRunner(model, rows=ROWS, length=CONTEXT_LENGTH)
    assert isinstance(runner.slots, DeviceSlots)
    check_batching(runner, SerialRunner(model, rows=ROWS, length=CONTEXT_LENGTH))
    token_bytes = runner.slots.bytes_per_token
    assert token_bytes == 2 * 2 * 2 * 16 * 8
    narrow = TorchRunner(model, rows=ROWS, length=CONTEXT_LENGTH, kv_bytes=40 * token_bytes)
    assert narrow.slots.length == 10
    assert sum(buffer.nbytes for buffer in narrow.slots.buffers) == 40 * token_bytes
    params = SamplingParams(max_tokens=12, temperature=0)
    engine = Engine(runner)
    prompts = [[5] * 30, [5] * 30 + [6], [7]]
    expected = [
        list(Engine(SerialRunner(model, rows=1, length=CONTEXT_LENGTH)).generate(ids, params)) for ids in prompts
    ]
    running = [engine.generate(ids, params) for ids in (*prompts, prompts[0])]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [*expected, expected[0]]


def test_memory_bounds_the_length_of_a_slot():
    model = llama()
    runner = TorchRunner(model, rows=ROWS, length=CONTEXT_LENGTH, kv_bytes=50 * 512)
    assert isinstance(runner.slots, HostSlots)
    assert runner.slots.length == 50


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_same_tokens(version):
    params = SamplingParams(max_tokens=40, temperature=0)
    prompts = [[5] * 30, [9, 8, 7], list(range(60))]

    def tokens(model):
        engine = Engine(text_runner.checked_network(version, model, Settings(workers=1)))
        running = [engine.generate(ids, params) for ids in prompts]
        for sequence in running:
            sequence.start()
        return [list(sequence) for sequence in running]

    assert tokens(llama().to("cuda")) == tokens(llama())
