"""What packing finds out of a text generator, and what it refuses in one line."""

import json

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from service import models
from service.cli import main
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from service.store.versions import Store
from tests.support.architectures import save_architecture
from tests.support.tiny_text import CONTEXT_LENGTH, save_checkpoint, save_state_dict


def refusal(folder, store, **options):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        pack_checkpoint(folder, name="tiny", store=store, **options)
    return str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path, number):
    """transformers writes the same nonsense with them, so no comparison of tokens can see it."""
    folder = save_checkpoint(tmp_path / "tiny")
    state = load_file(folder / "model.safetensors")
    state["model.layers.1.mlp.up_proj.weight"][3, 4:6] = number
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    said = "model.layers.1.mlp.up_proj.weight holds 2 numbers that are NaN or infinite, of 2048"
    assert said in refusal(folder, tmp_path / "store")
    torch.save(state, folder / "checkpoint.pt")
    (folder / "model.safetensors").unlink()
    assert said in refusal(folder, tmp_path / "store")


def test_a_tokenizer_larger_than_the_vocabulary_is_refused(tmp_path):
    folder = save_state_dict(tmp_path / "tiny")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][0] | {"id": 257, "content": "<|new|>"})
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    said = refusal(folder, tmp_path / "store")
    assert "'<|new|>' has the id 257, and the network has embeddings for 257 ids" in said
    assert "resize_token_embeddings" in said


@pytest.mark.parametrize(
    ("name", "length", "source"), [("MptForCausalLM", 128, None), ("BloomForCausalLM", 2048, "a bound of Daylight's")]
)
def test_a_context_length_is_told_or_bounded(tmp_path, name, length, source):
    packed = pack_checkpoint(
        save_architecture(tmp_path / "tiny", name), name="tiny", store=tmp_path / "store", runtime="torch"
    )
    assert packed.manifest.spec["context_length"] == length
    notes = packed.manifest.spec.get("notes", [])
    assert bool(notes) == bool(source)
    assert not source or source in notes[0]


@pytest.mark.heavy
def test_a_context_length_can_be_given(tmp_path):
    folder = save_architecture(tmp_path / "tiny", "BloomForCausalLM")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(json.loads((folder / "tokenizer_config.json").read_text()) | {"model_max_length": 300})
    )
    command = ["pack", str(folder), "--store", str(tmp_path / "store"), "--name"]
    result = CliRunner().invoke(main, [*command, "own"])
    assert "300 tokens are the tokenizer's, --context-length sets another" in result.output
    result = CliRunner().invoke(main, [*command, "given", "--context-length", "40"])
    assert result.exit_code == 0, result.output
    assert "note:" not in result.output
    model = models.load(Store(tmp_path / "store").open("given"), Settings(workers=1))
    assert model.context_length == 40
    assert model.generate("a" * 30, SamplingParams(max_tokens=10, temperature=0)).completion_tokens == 10


def test_no_more_than_the_network_was_made_for_can_be_given(tmp_path):
    folder = save_checkpoint(tmp_path / "tiny")
    said = refusal(folder, tmp_path / "store", context_length=CONTEXT_LENGTH + 1)
    assert f"expected a context length of 2 to {CONTEXT_LENGTH} tokens, got {CONTEXT_LENGTH + 1}" in said


@pytest.mark.parametrize("name", ["RwkvForCausalLM"])
def test_a_state_in_a_form_of_its_own_is_refused_by_name(tmp_path, name):
    folder = save_architecture(tmp_path / "tiny", name)
    with pytest.raises(Exception, match=f"{name} keeps what it has read in a form that is not served"):
        pack_checkpoint(folder, name="tiny", store=tmp_path / "store", runtime="torch")
