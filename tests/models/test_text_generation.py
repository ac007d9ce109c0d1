"""The text model on a tiny real Llama: both forms of checkpoint packed, loaded, streamed, and refused."""

import json
import shutil
import socket
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from service import models
from service.errors import ArtifactMissing, DigestMismatch, InvalidParameters, ModelNotReady, StartupError
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from service.store.manifest import MANIFEST
from service.store.versions import Store
from tests.support.tiny_text import CONTEXT_LENGTH, END, pack_tiny, save_checkpoint, save_state_dict

SETTINGS = Settings(workers=1)
GREEDY = SamplingParams(max_tokens=20, temperature=0)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return pack_tiny(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def model(packed):
    return models.load(packed, SETTINGS)


@pytest.fixture
def copied(packed, tmp_path):
    """A version that a test may spoil."""
    shutil.copytree(packed.folder.parents[1], tmp_path, dirs_exist_ok=True)
    return Store(tmp_path).open("tiny")


def rewritten(version, **changes):
    """The version again, with other values in its manifest."""
    path = version.folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return Store(version.folder.parents[1]).open(version.manifest.model)


# --- generating


def test_generate_returns_the_continuation_only(model, packed):
    expected = packed.manifest.example["completion"]
    completion = model.generate("Once upon a time", SamplingParams(max_tokens=24, temperature=0))
    assert completion.text == expected
    assert not completion.text.startswith("Once")
    assert (completion.finish_reason, completion.prompt_tokens, completion.completion_tokens) == ("length", 16, 24)


def test_the_pieces_of_a_stream_joined_are_the_text(model):
    generation = model.stream("abc", GREEDY)
    pieces = list(generation)
    assert len(pieces) > 10
    assert "".join(pieces) == model.generate("abc", GREEDY).text
    assert generation.finish_reason == "length"


def test_a_seed_repeats_the_text(model):
    def text(seed):
        return model.generate("abc", SamplingParams(max_tokens=20, temperature=2.0, seed=seed)).text

    assert text(1) == text(1)
    assert text(1) != text(2)


def test_a_stop_string_ends_the_text_before_it(model):
    whole = model.generate("abc", GREEDY).text
    stop = whole[7:10]
    completion = model.generate("abc", SamplingParams(max_tokens=20, temperature=0, stop=(stop,)))
    assert completion.text == whole[: whole.index(stop)]
    assert completion.finish_reason == "stop"


def test_an_end_token_ends_the_text(packed, copied):
    """The model never generates its own end token, so a letter that it does generate is declared one."""
    ids = packed.manifest.example["token_ids"]
    end = next(token for token in ids if token != ids[0])
    spoilt = rewritten(copied, spec=packed.manifest.spec | {"eos_token_ids": [end]})
    completion = models.load(spoilt, SETTINGS).generate("Once upon a time", GREEDY)
    assert completion.finish_reason == "stop"
    assert completion.completion_tokens == ids.index(end) + 1
    assert len(completion.text) == ids.index(end)


def test_special_tokens_in_a_prompt_are_tokens_unless_it_is_nothing_but_text(model):
    """A client that renders the chat template itself was answered for the letters of the marks."""
    assert model.generate(END, GREEDY).prompt_tokens == 1
    assert model.generate(END, GREEDY, special_tokens=False).prompt_tokens == len(END)


def test_concurrent_streams_have_the_text_of_each_alone(model):
    prompts = ["abc", "Once upon a time", "z"]
    alone = [model.generate(prompt, GREEDY).text for prompt in prompts]
    running = [model.stream(prompt, GREEDY) for prompt in prompts]
    for generation in running:
        generation.start()
    assert [next(generation) for generation in reversed(running)] == [text[0] for text in reversed(alone)]
    running[1].close()
    assert running[1].finish_reason == "cancelled"
    assert alone[0][0] + "".join(running[0]) == alone[0]
    assert alone[2][0] + "".join(running[2]) == alone[2]


def test_a_stream_is_cancelled_from_another_thread(model):
    running = model.stream("abc", SamplingParams(max_tokens=100, temperature=0))
    next(running)
    canceller = threading.Thread(target=running.cancel)
    canceller.start()
    rest = list(running)
    canceller.join()
    assert len(rest) < 99
    assert running.finish_reason == "cancelled"


def test_a_stream_that_is_not_started_holds_nothing(model):
    unused = model.stream("abc", GREEDY)
    assert model.generate("abc", GREEDY).text
    unused.close()


# --- refusing


@pytest.mark.parametrize(
    ("prompt", "max_tokens", "parameter", "message"),
    [
        ("", 5, "text", "an empty text"),
        ("\ud800", 5, "text", "surrogate"),
        ("a" * CONTEXT_LENGTH, 1, "text", f"{CONTEXT_LENGTH} tokens"),
        ("a" * 10_000_000, 1, "text", "10000000 characters"),
        ("a" * 100, 29, "max_tokens", "the text takes 100"),
    ],
    ids=["empty", "surrogate", "full context", "megabytes", "no room"],
)
def test_prompts_that_do_not_fit_are_refused(model, prompt, max_tokens, parameter, message):
    with pytest.raises(InvalidParameters, match=message) as caught:
        model.stream(prompt, SamplingParams(max_tokens=max_tokens))
    assert caught.value.details[0]["parameter"] == parameter


def test_the_whole_context_can_be_used(model):
    assert model.generate("a" * 100, SamplingParams(max_tokens=28, temperature=0)).completion_tokens == 28


def test_max_tokens_defaults_to_the_setting(packed):
    model = models.load(packed, Settings(workers=1, max_tokens=7))
    assert model.parameters({"temperature": 0.6}) == SamplingParams(max_tokens=7, temperature=0.6, yielding=True)
    with pytest.raises(InvalidParameters, match="heat"):
        model.parameters({"heat": 1})


def test_a_network_that_always_fails_makes_the_model_fail(packed, caplog):
    model = models.load(packed, SETTINGS)
    assert model.failure is None
    model.engine.runner.network.lm_head.weight = torch.nn.Parameter(torch.zeros(257, 3))
    for _ in range(2):
        with pytest.raises(ModelNotReady) as caught:
            model.generate("abc", GREEDY)
        assert "shape" not in caught.value.message  # the cause is for the log only
    assert "serves no more" in model.failure
    assert "the model raised on 1 texts" in caplog.text
    assert "shape" in caplog.text


# --- packing and loading


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
