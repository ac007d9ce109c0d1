"""Networks with states instead of keys and values: prompts read in any parts give the logits of the whole."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from service.generation.serial_runner import SerialRunner
from tests.support.architectures import save_architecture

IDS = [int(token) for token in np.random.default_rng(0).integers(0, 250, 30)]


@pytest.fixture(scope="module", params=["MambaForCausalLM", "Mamba2ForCausalLM", "JambaForCausalLM"])
def network(request, tmp_path_factory):
    folder = save_architecture(tmp_path_factory.mktemp("tiny") / "checkpoint", request.param)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("parts", [[30], [10, 10, 10], [1, 29], [29, 1], [1] * 30])
def test_a_prompt_may_be_read_in_parts(network, parts):
    """Mamba of transformers forgets the end of its state where several tokens follow: logits were off by 2 %."""
    with torch.inference_mode():
        expected = network(torch.tensor([IDS]), use_cache=False).logits[0, -1].numpy()
    runner, held = SerialRunner(network, rows=2, length=64), 0
    for part in parts:
        logits = runner.extend(1, IDS[held : held + part], held)
        held += part
    assert np.abs(logits - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_copied_state_is_its_own(network):
    runner = SerialRunner(network, rows=2, length=64)
    runner.extend(0, IDS[:10], 0)
    runner.slots.copy(0, 1, 10)
    first = runner.extend(0, IDS[10:11], 10).copy()
    runner.extend(0, IDS[12:14], 11)
    assert np.array_equal(runner.extend(1, IDS[10:11], 10), first)


def test_a_call_that_fails_leaves_the_state_as_it_was(network):
    runner = SerialRunner(network, rows=1, length=64)
    runner.extend(0, IDS[:10], 0)
    head, network.lm_head = network.lm_head, torch.nn.Linear(1, 1)
    with pytest.raises(RuntimeError):
        runner.extend(0, IDS[10:11], 10)
    network.lm_head = head
    again = runner.extend(0, IDS[10:11], 10)
    runner.extend(0, IDS[:10], 0)
    assert np.array_equal(runner.extend(0, IDS[10:11], 10), again)
