"""Raw prompts are read as transformers reads them, the tokenizer's own marks and spelled special tokens included; and
what generation_config.json says of sampling holds where a request says nothing."""

import json

import pytest
import torch
from tokenizers import processors
from transformers import AutoTokenizer, GenerationConfig, LlamaForCausalLM

from service import models
from service.app import create_app
from service.errors import StartupError
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.settings import Settings
from tests.support.tiny_text import END, byte_tokenizer, network

BOS = "<s>"
GENERATION = {"do_sample": True, "temperature": 0.3, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1}


def marking_tokenizer():
    """One that puts a start token before each text, as Llama's, Gemma's and Mistral's do."""
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": BOS})
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", special_tokens=[(BOS, tokenizer.bos_token_id)]
    )
    return tokenizer


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marking")
    tokenizer = marking_tokenizer()
    made = network(tokenizer)
    made.generation_config = GenerationConfig(**GENERATION, eos_token_id=tokenizer.eos_token_id)
    made.save_pretrained(folder)
    tokenizer.backend_tokenizer.enable_truncation(5)  # a setting for training, left in the file
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def packed(checkpoint, tmp_path_factory):
    return pack_checkpoint(checkpoint, name="tiny", store=tmp_path_factory.mktemp("store"), runtime="torch")


@pytest.fixture(scope="module")
def client(packed):
    return create_app(Settings(store=packed.folder.parents[1], workers=1)).test_client()


def test_the_example_is_proven_on_what_the_tokenizer_makes_of_the_prompt(checkpoint, packed):
    """It was proven without the start token, on a prompt that no other server has."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ids = tokenizer("Once upon a time").input_ids
    assert ids[0] == tokenizer.bos_token_id
    model = LlamaForCausalLM.from_pretrained(checkpoint)
    greedy = GenerationConfig(max_new_tokens=24, do_sample=False, pad_token_id=0, repetition_penalty=1.0)
    wanted = model.generate(torch.tensor([ids]), generation_config=greedy)
    assert packed.manifest.example["completion"] == tokenizer.decode(wanted[0, len(ids) :])


@pytest.mark.parametrize("text", ["abc", "a long text of more than five tokens", f"{BOS}abc", f"a{END}b", ""])
def test_a_completions_prompt_is_what_transformers_makes_of_it(checkpoint, packed, client, text):
    ids = AutoTokenizer.from_pretrained(checkpoint)(text, truncation=False).input_ids
    asked = {"model": "tiny", "max_tokens": 12, "temperature": 0, "repetition_penalty": 1}
    read, given = (client.post("/v1/completions", json=asked | {"prompt": prompt}).json for prompt in (text, ids))
    assert read["choices"] == given["choices"]
    assert read["usage"]["prompt_tokens"] == len(ids)
    assert models.load(packed, Settings(workers=1)).encoder.encode(text) == ids


def test_other_protocols_read_a_prompt_in_the_same_way(client):
    v1 = client.post("/v1/models/tiny:predict", json={"instances": ["abc"], "parameters": {"max_tokens": 1}})
    assert v1.json["predictions"][0]["usage"]["prompt_tokens"] == 4


def test_the_articles_texts_stay_nothing_but_text(packed, client):
    """The article encodes them without special tokens."""
    model = models.load(packed, Settings(workers=1))
    greedy = SamplingParams(max_tokens=9, temperature=0, repetition_penalty=1.1)
    for text in ("abc", f"{BOS}abc"):
        wanted = model.generate(text, greedy, special_tokens=False)
        assert wanted.prompt_tokens == len(text)
        answer = client.post("/predict", json={"text": text, "max_tokens": 9, "temperature": 0})
        assert answer.json == {"Prediction": wanted.text}


def test_the_checkpoints_own_sampling_holds_where_nothing_is_said(packed, client):
    model = models.load(packed, Settings(workers=1))
    own = SamplingParams(64, 0.3, 40, 0.9, repetition_penalty=1.1, yielding=True)
    assert model.parameters({}) == own
    assert model.parameters({"top_k": 0, "temperature": 2}).top_k is None
    told = client.get("/v1/models/tiny").json["sampling_defaults"]
    assert told == {"temperature": 0.3, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.1, "max_tokens": 2048}
    asked = {"model": "tiny", "prompt": "abc", "seed": 3, "max_tokens": 30}
    explicit = asked | {key: value for key, value in told.items() if key != "max_tokens"}
    texts = [client.post("/v1/completions", json=body).json["choices"][0]["text"] for body in (asked, explicit)]
    assert texts[0] == texts[1]


def test_the_articles_temperature_is_the_articles(client):
    bodies = ({"text": "abc", "seed": 5}, {"text": "abc", "seed": 5, "temperature": 0.6})
    assert client.post("/predict", json=bodies[0]).json == client.post("/predict", json=bodies[1]).json


@pytest.mark.parametrize(
    ("config", "defaults"),
    [
        (
            {"do_sample": False, "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.2},
            {"repetition_penalty": 1.2, "temperature": 0},
        ),
        ({"temperature": 0.7, "top_k": 0, "num_beams": 4}, {"temperature": 0.7, "top_k": 0}),
        ({"max_new_tokens": 33}, {"max_tokens": 33, "temperature": 1.0}),
        ({"temperature": None, "_from_model_config": True}, {"temperature": 1.0}),
    ],
)
def test_what_a_generation_config_says(checkpoint, tmp_path, config, defaults):
    version = packed_with(checkpoint, tmp_path, config)
    told = models.load(version, Settings(workers=1)).describe()["sampling_defaults"]
    assert told == {"max_tokens": 2048} | defaults


@pytest.mark.parametrize("config", ['{"top_p": 7}', '{"temperature": "hot"}', "[]", "{"])
def test_a_generation_config_that_cannot_be_is_refused_when_packed(checkpoint, tmp_path, config):
    with pytest.raises((ValueError, StartupError), match="generation_config.json"):
        packed_with(checkpoint, tmp_path, config)


def packed_with(checkpoint, tmp_path, config):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "generation_config.json").write_text(text)
    return pack_checkpoint(folder, name="other", store=tmp_path / "store", runtime="torch")
