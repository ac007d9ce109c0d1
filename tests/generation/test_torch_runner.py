"""Torch networks of several families: rows written at once where the network allows it, one by one where not."""

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


def made(kind, config):
    torch.manual_seed(0)
    return kind(config).eval().requires_grad_(False)


def gpt2():
    return made(GPT2LMHeadModel, GPT2Config(vocab_size=300, n_positions=CONTEXT_LENGTH, n_embd=32, n_layer=2, n_head=2))


def qwen3():
    return made(Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=8))


def windowed():
    """Each token sees the 8 before it, so its cache forgets."""
    return made(MistralForCausalLM, MistralConfig(**SMALL, sliding_window=8))


def bloom():
    """Its attention counts positions by the mask, which it wants to be flat."""
    return made(BloomForCausalLM, BloomConfig(vocab_size=300, hidden_size=32, n_layer=2, n_head=4))


def eager():
    taken = qwen3()
    taken.set_attn_implementation("eager")
    return taken


def llama(dtype=torch.float32):
    return network(byte_tokenizer()).to(dtype)


MANY = [llama, gpt2, qwen3, eager]


def runners(taken):
    size = {"rows": ROWS, "length": CONTEXT_LENGTH}
    return TorchRunner(taken, **size), SerialRunner(taken, **size)


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return pack_tiny(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("make", MANY)
def test_rows_of_any_length_get_what_each_gets_alone(make):
    many, serial = runners(make())
    dice = np.random.default_rng(0)
    held = [1, 17, 60, 5]
    for slot, length in enumerate(held):
        ids = dice.integers(0, 256, length)
        for runner in (many, serial):
            found = runner.extend(slot, ids, 0)
        assert found.dtype == np.float32
    for _ in range(5):
        ids = dice.integers(0, 256, ROWS).tolist()
        together, alone = many.step(ids, held), serial.step(ids, held)
        assert together.shape == alone.shape
        assert np.abs(together - alone).max() <= 1e-4 * np.abs(alone).max()
        held = [one + 1 for one in held]
    # Rows leave: the last one takes the place of the first, and what was read in parts is read on.
    for runner in (many, serial):
        runner.slots.copy(3, 0, held[3])
    more = dice.integers(0, 256, 7)
    assert np.abs(many.extend(0, more, held[3]) - serial.extend(0, more, held[3])).max() < 1e-3


@pytest.mark.parametrize("make", MANY)
def test_networks_with_a_plain_cache_are_written_at_once(make, version):
    assert isinstance(text_runner.checked_network(version, make(), Settings(workers=1)), TorchRunner)


@pytest.mark.parametrize(("make", "told"), [(windowed, "its cache has a DynamicSlidingWindowLayer"), (bloom, "")])
def test_other_networks_are_written_one_by_one(make, told, version, caplog):
    taken = make()
    with caplog.at_level(logging.WARNING):
        runner = text_runner.checked_network(version, taken, Settings(workers=1))
    assert isinstance(runner, SerialRunner)
    assert "its sequences are decoded one by one" in caplog.text
    assert told in caplog.text
    params = SamplingParams(max_tokens=20, temperature=0)
    prompts = [[1, 2, 3], list(range(40))]
    running = [Engine(runner).generate(ids, params) for ids in prompts]
    for ids, sequence in zip(prompts, running, strict=True):
        wanted = taken.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids)),
            max_new_tokens=20,
            min_new_tokens=20,
            do_sample=False,
            pad_token_id=0,
        )
        assert list(sequence) == wanted[0, len(ids) :].tolist()


class Mixed(SerialRunner):
    """Gives the first row the logits of the last."""

    def step(self, ids, held):
        return super().step(ids, held)[::-1]


def test_a_runner_that_mixes_up_its_rows_is_found_out():
    taken = qwen3()
    size = {"rows": ROWS, "length": CONTEXT_LENGTH}
    with pytest.raises(RuntimeError, match="rows decoded together differ by"):
        check_batching(Mixed(taken, **size))
    with pytest.raises(RuntimeError, match="rows decoded together differ by"):
        check_batching(TorchRunner(gpt2(), **size), SerialRunner(taken, **size))
    check_batching(TorchRunner(taken, **size), SerialRunner(taken, **size))


def test_on_a_device_the_memory_is_shared_out_at_once():
    """Any other number than float32 on the CPU is kept as on a device: in tensors."""
    taken = llama(torch.float64)
    runner = TorchRunner(taken, rows=ROWS, length=CONTEXT_LENGTH)
    assert isinstance(runner.slots, DeviceSlots)
    check_batching(runner, SerialRunner(taken, rows=ROWS, length=CONTEXT_LENGTH))
    one = runner.slots.bytes_per_token
    assert one == 2 * 2 * 2 * 16 * 8
    narrow = TorchRunner(taken, rows=ROWS, length=CONTEXT_LENGTH, kv_bytes=40 * one)
    assert narrow.slots.length == 10
    assert sum(buffer.nbytes for buffer in narrow.slots.buffers) == 40 * one
    params = SamplingParams(max_tokens=12, temperature=0)
    engine = Engine(runner)
    prompts = [[5] * 30, [5] * 30 + [6], [7]]
    wanted = [list(Engine(SerialRunner(taken, rows=1, length=CONTEXT_LENGTH)).generate(ids, params)) for ids in prompts]
    running = [engine.generate(ids, params) for ids in (*prompts, prompts[0])]
    for sequence in running:
        sequence.start()
    assert [list(sequence) for sequence in running] == [*wanted, wanted[0]]


def test_memory_bounds_the_length_of_a_row():
    taken = llama()
    runner = TorchRunner(taken, rows=ROWS, length=CONTEXT_LENGTH, kv_bytes=50 * 512)
    assert isinstance(runner.slots, HostSlots)
    assert runner.slots.length == 50


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_the_tokens_are_the_same(version):
    params = SamplingParams(max_tokens=40, temperature=0)
    prompts = [[5] * 30, [9, 8, 7], list(range(60))]

    def tokens(taken):
        engine = Engine(text_runner.checked_network(version, taken, Settings(workers=1)))
        running = [engine.generate(ids, params) for ids in prompts]
        for sequence in running:
            sequence.start()
        return [list(sequence) for sequence in running]

    assert tokens(llama().to("cuda")) == tokens(llama())
