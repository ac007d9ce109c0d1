"""Both forms of checkpoint are packed and loaded; what is unusable, hostile or damaged is refused with the reason."""

import json
import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from service import models
from service.errors import ArtifactMissing, DigestMismatch, StartupError
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from service.store.versions import Store
from tests.support.stores import rewritten
from tests.support.tiny_text import CONTEXT_LENGTH, pack_tiny, save_checkpoint, save_state_dict

SETTINGS = Settings(workers=1)
GREEDY = SamplingParams(max_tokens=20, temperature=0)


def test_safetensors_and_state_dict_give_the_same_tokens(packed, tmp_path):
    """safetensors and the article's `torch.save`d state dict: the same weights, so the same texts."""
    article = pack_checkpoint(
        save_state_dict(tmp_path / "article"), name="article", store=tmp_path / "store", runtime="torch"
    )
    assert {packed.manifest.spec["weights"], article.manifest.spec["weights"]} == {"model.safetensors", "model.pt"}
    assert article.manifest.example == packed.manifest.example
    first, second = models.load(packed, SETTINGS), models.load(article, SETTINGS)
    sampled = SamplingParams(max_tokens=40, temperature=1.5, seed=4)
    for prompt in ("a", "Once upon a time", "naïve 日本"):
        assert first.generate(prompt, GREEDY) == second.generate(prompt, GREEDY)
        assert first.generate(prompt, sampled) == second.generate(prompt, sampled)


@pytest.mark.parametrize("weights", ["model.safetensors", "model.pt"])
def test_weights_stay_mapped_from_their_file(packed, tmp_path, weights):
    """Two workers share what is mapped; what is copied, each pays for."""
    if weights == "model.pt":
        packed = pack_checkpoint(
            save_state_dict(tmp_path / "article"), name="tiny", store=tmp_path / "store", runtime="torch"
        )
    model = models.load(packed, SETTINGS)
    address = model.engine.runner.network.lm_head.weight.data_ptr()
    with open("/proc/self/maps", encoding="utf-8") as maps:
        ranges = [line.split() for line in maps if line.rstrip().endswith(f"{packed.folder}/{weights}")]
    bounds = [[int(end, 16) for end in fields[0].split("-")] for fields in ranges]
    assert any(low <= address < high for low, high in bounds)


def test_describe_holds_the_facts_of_the_checkpoint(packed, model):
    description = model.describe()
    assert description["context_length"] == CONTEXT_LENGTH
    assert description["dtype"] == "float32"
    assert description["parameter_count"] == sum(tensor.numel() for tensor in model.engine.runner.network.parameters())
    assert description["eos_token_ids"] == [256]
    assert description["example"].keys() == {"prompt", "completion", "token_ids"}
    assert description["provenance"]["packages"].keys() >= {"torch", "transformers"}
    json.dumps(description)


def test_the_stored_example_has_eight_clear_tokens(packed):
    assert len(packed.manifest.example["token_ids"]) == 8


def test_shards_of_half_precision_become_one_float32_file(tmp_path):
    folder = save_checkpoint(tmp_path / "tiny")
    network = LlamaForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="20KB")
    assert not (folder / "model.safetensors").exists()
    packed = pack_checkpoint(folder, name="half", store=tmp_path / "store", runtime="torch")
    served = load_file(packed.folder / "model.safetensors")
    assert {tensor.dtype for tensor in served.values()} == {torch.float32}
    models.load(packed, SETTINGS).warm_up()


def test_half_precision_in_a_wrapped_state_dict(tmp_path):
    """What a training script saves: the state dict inside a checkpoint, in its own precision."""
    folder = save_state_dict(tmp_path / "article")
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    torch.save(
        {"epoch": 3, "state_dict": {key: tensor.half() for key, tensor in state.items()}}, folder / "checkpoint.pt"
    )
    packed = pack_checkpoint(folder, name="half", store=tmp_path / "store", runtime="torch")
    models.load(packed, SETTINGS).warm_up()
    assert torch.load(packed.folder / "model.pt", weights_only=True)["lm_head.weight"].dtype == torch.float32


def test_tied_weights_are_stored_once(tmp_path):
    for number, save in enumerate((save_checkpoint, save_state_dict)):
        folder = save(tmp_path / f"tied{number}")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": True}))
        if save is save_checkpoint:
            state = load_file(folder / "model.safetensors")
            del state["lm_head.weight"]
            save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        packed = pack_checkpoint(folder, name="tied", store=tmp_path / "store", runtime="torch")
        network = models.load(packed, SETTINGS).engine.runner.network
        assert network.lm_head.weight.data_ptr() == network.model.embed_tokens.weight.data_ptr()
    assert "lm_head.weight" not in load_file(Store(tmp_path / "store").open("tied", "1").folder / "model.safetensors")


class Trap:
    """Unpickling this writes a file: what a hostile checkpoint would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("whole", ["module", "trap"])
def test_pickles_of_more_than_tensors_are_not_run(tmp_path, whole):
    folder = save_state_dict(tmp_path / "article")
    held = torch.nn.Linear(2, 2) if whole == "module" else {"weight": Trap(tmp_path / "ran")}
    torch.save(held, folder / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"torch\.save\(model\.state_dict\(\), path\)"):
        pack_checkpoint(folder, name="trap", store=tmp_path / "store")
    assert not (tmp_path / "ran").exists()


def test_unusable_checkpoints_are_refused_with_the_reason(tmp_path):
    store = tmp_path / "store"
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match="no config.json"):
        pack_checkpoint(empty, name="none", store=store)
    folder = save_state_dict(tmp_path / "article")
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    norm = state.pop("model.norm.weight")
    torch.save(state | {"head": norm}, folder / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"lack model\.norm\.weight; hold head, which the network has not"):
        pack_checkpoint(folder, name="none", store=store)
    torch.save(state | {"model.norm.weight": norm[:5].clone()}, folder / "checkpoint.pt")
    with pytest.raises(ValueError, match="do not fit the config"):
        pack_checkpoint(folder, name="none", store=store)
    torch.save([norm], folder / "checkpoint.pt")
    with pytest.raises(ValueError, match="not a state dict"):
        pack_checkpoint(folder, name="none", store=store)
    shutil.copy(folder / "checkpoint.pt", folder / "other.pth")
    with pytest.raises(ValueError, match="several state dicts"):
        pack_checkpoint(folder, name="none", store=store)
    (folder / "checkpoint.pt").unlink()
    (folder / "other.pth").unlink()
    with pytest.raises(ValueError, match="no weights"):
        pack_checkpoint(folder, name="none", store=store)
    assert not store.exists() or not Store(store).models()


def test_safetensors_that_do_not_fit_are_refused_by_name(tmp_path):
    folder = save_checkpoint(tmp_path / "tiny")
    state = load_file(folder / "model.safetensors")
    del state["model.norm.weight"]
    state["lm_head.weight"] = torch.zeros(5, 5)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lack model\.norm\.weight; hold lm_head\.weight in another shape"):
        pack_checkpoint(folder, name="none", store=tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("config.json", '{"model_type": "nobody knows"}'),
        ("tokenizer.json", "{"),
        ("model.safetensors", "xx"),
        ("checkpoint.pt", "xx"),
    ],
)
def test_broken_files_are_refused_in_one_line(tmp_path, name, content):
    save = save_state_dict if name == "checkpoint.pt" else save_checkpoint
    folder = save(tmp_path / "tiny")
    (folder / name).write_text(content)
    with pytest.raises(ValueError, match="checkpoint") as caught:
        pack_checkpoint(folder, name="none", store=tmp_path / "store")
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_long_an_example_prompt_leaves_no_version(tmp_path):
    with pytest.raises(ValueError, match="example prompt"):
        pack_checkpoint(
            save_checkpoint(tmp_path / "tiny"), name="long", store=tmp_path / "store", prompt="a" * 120, runtime="torch"
        )
    assert not (tmp_path / "store" / "long").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_never_opened(copied, name):
    with open(copied.folder / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(DigestMismatch, match=name):
        models.load(copied, SETTINGS)
    (copied.folder / name).unlink()
    with pytest.raises(ArtifactMissing, match=name):
        models.load(copied, SETTINGS)


def test_a_file_that_cannot_be_parsed_fails_the_load(copied):
    """A manifest written for a broken file: the digests match, and the error of the parser is reported."""
    broken = rewritten(copied, spec=copied.manifest.spec | {"weights": "tokenizer.json"})
    with pytest.raises(StartupError, match="tiny version 1 cannot be loaded"):
        models.load(broken, SETTINGS)


def test_warm_up_replays_the_example(model, copied):
    model.warm_up()
    example = copied.manifest.example
    wrong = [example["token_ids"][0], 0, *example["token_ids"][2:]]
    spoilt = models.load(rewritten(copied, example=example | {"token_ids": wrong}), SETTINGS)
    with pytest.raises(StartupError, match="continues its own example"):
        spoilt.warm_up()


def test_warm_up_generates_a_token_for_an_empty_example(copied):
    models.load(rewritten(copied, example={"prompt": "a", "completion": "", "token_ids": []}), SETTINGS).warm_up()


def test_loading_and_packing_need_no_network(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("something opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    models.load(pack_tiny(tmp_path), SETTINGS).warm_up()
