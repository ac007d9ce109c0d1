"""A text model small enough for any test: a real Llama of random weights that writes printable characters.

    folder = save_checkpoint(tmp_path / "tiny")             # the Hugging Face layout
    folder = save_state_dict(tmp_path / "article")          # the article's form, the same weights
    version = pack_tiny(store, name="tiny")                 # packed
    add_compiled_tiny(store)                                # `tiny`, compiled

A token is a byte; the context is 128 tokens; the end token is never generated.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from service.packing.checkpoint import pack_checkpoint

CONTEXT_LENGTH = 128
END = "<|im_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'developer' %}{{ raise_exception('no developers') }}{% endif %}"
    "{{ message.role[0] + ':' + message.content | trim + eos_token }}{% endfor %}{{ 'a:' }}"
)


def byte_tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={character: place for place, character in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=END, pad_token=END, chat_template=CHAT_TEMPLATE
    )


def tiny_llama(tokenizer, seed=0, **sizes):
    """A Llama of random weights for a tokenizer. sizes: of its LlamaConfig, the layers and widths among them."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,  # the least that ONNX Runtime's attention takes
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
        dtype="float32",
        **sizes,
    )
    return LlamaForCausalLM(config).eval()


def network(tokenizer, seed=0):
    model = tiny_llama(
        tokenizer,
        seed,
        hidden_size=32,
        num_hidden_layers=2,
        max_position_embeddings=CONTEXT_LENGTH,
        initializer_range=0.5,
    )
    letters = tokenizer("abcdefghijklmnopqrstuvwxyz ,.", add_special_tokens=False).input_ids
    others = sorted(set(range(len(tokenizer))) - set(letters))
    with torch.no_grad():
        model.lm_head.weight[others] = 0.0  # their logits are 0, far below those of the most probable letters
    return model


def save_checkpoint(folder, seed=0):
    """config.json, model.safetensors, tokenizer.json in `folder`; returns it."""
    tokenizer = byte_tokenizer()
    network(tokenizer, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def save_state_dict(folder, seed=0):
    """The same, the weights as `torch.save(model.state_dict(), "checkpoint.pt")`; returns the folder."""
    folder = save_checkpoint(folder, seed)
    torch.save(network(byte_tokenizer(), seed).state_dict(), folder / "checkpoint.pt")
    (folder / "model.safetensors").unlink()
    return folder


def pack_tiny(store, name="tiny", runtime="torch", seed=0, **carried):
    """Pack the tiny model into a store: the StoredVersion. Compiling it takes seconds, so runtime="auto" is for few.

    seed: of its weights.
    """
    folder = tempfile.mkdtemp(prefix="tiny-text-")
    try:
        return pack_checkpoint(save_checkpoint(folder, seed), name=name, store=store, runtime=runtime, **carried)
    finally:
        shutil.rmtree(folder)


@cache
def compiled_tiny():
    """A store of `tiny`, compiled: packed once for all tests of this process."""
    store = tempfile.mkdtemp(prefix="tiny-text-")
    atexit.register(shutil.rmtree, store)
    pack_tiny(store, runtime="auto")
    return Path(store)


def add_compiled_tiny(store):
    """`tiny` as servers of tests should have it: their engine process starts without torch, in a third of the time."""
    shutil.copytree(compiled_tiny() / "tiny", Path(store) / "tiny")


def break_runner(model, monkeypatch):
    """Each step of the model's engine fails from now on."""

    def broken(*_):
        raise RuntimeError("a broken runner")

    monkeypatch.setattr(model.engine.runner, "step", broken)
    monkeypatch.setattr(model.engine.runner, "extend", broken)
