"""A text model that calls functions: a real Llama network whose weights are set by hand, not trained.

    version = pack_calling(store, name="caller")

What it writes next depends on the last token alone. To a user who told it of functions it answers with a call, to
anything else with "Cold."; the strings it writes are "Paris", the numbers 7. So it never has to be
lucky, however a client words its request. The context is 4096 tokens, a token is a byte.
"""

import shutil
import tempfile
from pathlib import Path

import torch
from tokenizers import AddedToken

from service.packing.checkpoint import pack_checkpoint
from tests.support.call_templates import TOLD, TURNS
from tests.support.tiny_text import END, byte_tokenizer, tiny_llama

__all__ = ["CALLING", "calling_network", "calling_tokenizer", "pack_calling", "save_calling"]

CONTEXT_LENGTH = 4096
CALL, ANSWER, TOOL_CALL, TOOL_CALL_END = "<|call|>", "<|answer|>", "<tool_call>", "</tool_call>"
CALLING = (
    TOLD
    + TURNS.strip()
    + "{% if add_generation_prompt %}"
    + "{{ '<|call|>' if tools and messages[-1].role == 'user' else '<|answer|>' }}{% endif %}"
)
# What follows what. A digit may end a number of one digit alone; a closing brace ends whatever is open.
NEXT = {
    CALL: TOOL_CALL,
    TOOL_CALL: "\n",
    "\n": TOOL_CALL_END,
    TOOL_CALL_END: END,
    **dict(zip('"Paris', 'Paris"', strict=True)),
    **dict(zip("Cold", "old.", strict=True)),
    ANSWER: "C",
    ".": END,
    **dict.fromkeys("0123456789", "}"),
    ":": " ",
    " ": '"',
    "{": '"',
    "}": "}",
}
# Where that may not come, because a schema says so.
INSTEAD = {ANSWER: "{", " ": "7"}


def calling_tokenizer(template=CALLING):
    tokenizer = byte_tokenizer()
    special = [CALL, ANSWER, "<|im_start|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.add_tokens([AddedToken(text, special=False) for text in (TOOL_CALL, TOOL_CALL_END)])
    tokenizer.chat_template = template
    return tokenizer


def calling_network(tokenizer):
    """The logits of the next token are those of NEXT: attention and the layers between add nothing."""
    model = tiny_llama(tokenizer, hidden_size=64, num_hidden_layers=1, max_position_embeddings=CONTEXT_LENGTH)
    layer = model.model.layers[0]
    with torch.no_grad():
        for weights in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight, model.lm_head.weight):
            weights.zero_()
        vectors = torch.nn.functional.normalize(torch.randn(len(tokenizer), 64), dim=1)
        model.model.embed_tokens.weight.copy_(vectors)
        for following, weight in ((NEXT, 1.0), (INSTEAD, 0.7)):
            for text, other in following.items():
                model.lm_head.weight[token_id(tokenizer, other)] += weight * vectors[token_id(tokenizer, text)]
    return model


def token_id(tokenizer, text):
    (token,) = tokenizer.encode(text, add_special_tokens=False)
    return token


def save_calling(folder, template=CALLING):
    """A checkpoint in `folder`; returns it."""
    tokenizer = calling_tokenizer(template)
    calling_network(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def pack_calling(store, name="caller", template=CALLING):
    """Pack it into a store: the StoredVersion."""
    folder = tempfile.mkdtemp(prefix="calling-text-")
    try:
        return pack_checkpoint(save_calling(folder, template), name=name, store=store, runtime="torch")
    finally:
        shutil.rmtree(folder)
