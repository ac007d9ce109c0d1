"""Text generators of many architectures: random weights, a few thousand numbers each, and a tokenizer of bytes.

    folder = save_architecture(tmp_path / "gpt2", "GPT2LMHeadModel")
    ARCHITECTURES["GPT2LMHeadModel"].compiler       # "torch.onnx"

Their vocabularies are larger than the tokenizer, as in many real checkpoints.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from tokenizers import processors

from tests.support.tiny_text import CONTEXT_LENGTH, END, byte_tokenizer

__all__ = ["ARCHITECTURES", "BUILDER", "EXPORTER", "TORCH", "WINDOW", "save_architecture", "table"]

VOCABULARY = 272  # the tokenizer has 257
WINDOW = 16
BUILDER, EXPORTER, TORCH = "onnxruntime-genai", "torch.onnx", "torch"


@dataclass(frozen=True)
class Architecture:
    """config: the name of its class, and values: what it is made of. compiler: of its graph; TORCH where there is none.
    feature: what the docs call a variant.
    """

    config: str
    values: dict
    compiler: str
    feature: str = ""


TOKENS = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 256, "pad_token_id": 256}
FEW = TOKENS | {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
LONG = FEW | {"max_position_embeddings": CONTEXT_LENGTH}
BASE = LONG | {"intermediate_size": 96, "initializer_range": 0.5}
GROUPED = BASE | {"num_key_value_heads": 2}
WINDOWED = GROUPED | {"sliding_window": WINDOW}
GEMMA = WINDOWED | {"head_dim": 16}
OPT = LONG | {"word_embed_proj_dim": 64, "ffn_dim": 96, "init_std": 0.5}
GPT2 = TOKENS | {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT_LENGTH, "initializer_range": 0.5}
GPTJ = GPT2 | {"rotary_dim": 8}
BLOOM = TOKENS | {"hidden_size": 64, "n_layer": 2, "n_head": 4, "initializer_range": 0.5}
MPT = TOKENS | {"d_model": 64, "n_layers": 2, "n_heads": 4, "max_seq_len": CONTEXT_LENGTH, "initializer_range": 0.5}
MAMBA = TOKENS | {"hidden_size": 64, "num_hidden_layers": 2, "state_size": 8, "initializer_range": 0.5}
MIXED = GROUPED | {
    "num_hidden_layers": 2,
    "attn_layer_period": 2,
    "attn_layer_offset": 1,
    "num_experts": 1,
    "num_experts_per_tok": 1,
    "use_mamba_kernels": False,
    "mamba_d_state": 8,
}

ARCHITECTURES = {
    "LlamaForCausalLM": Architecture("LlamaConfig", GROUPED, BUILDER),
    "Qwen2ForCausalLM": Architecture("Qwen2Config", GROUPED, BUILDER),
    "Qwen3ForCausalLM": Architecture("Qwen3Config", GROUPED | {"head_dim": 16}, BUILDER),
    "GraniteForCausalLM": Architecture("GraniteConfig", GROUPED, BUILDER),
    "MistralForCausalLM": Architecture("MistralConfig", GROUPED | {"sliding_window": None}, BUILDER),
    "MistralForCausalLM-window": Architecture("MistralConfig", WINDOWED, EXPORTER, "with a sliding window"),
    "Phi3ForCausalLM": Architecture("Phi3Config", GROUPED, EXPORTER),
    "PhiForCausalLM": Architecture("PhiConfig", BASE, EXPORTER),
    "Gemma2ForCausalLM": Architecture("Gemma2Config", GEMMA, BUILDER, "windows in every second layer"),
    "Gemma3ForCausalLM": Architecture("Gemma3TextConfig", GEMMA | {"num_hidden_layers": 6}, EXPORTER, "windows"),
    "GPT2LMHeadModel": Architecture("GPT2Config", GPT2, EXPORTER),
    "OPTForCausalLM": Architecture("OPTConfig", OPT, EXPORTER),
    "GPTNeoXForCausalLM": Architecture("GPTNeoXConfig", BASE, EXPORTER),
    "FalconForCausalLM": Architecture("FalconConfig", LONG | {"initializer_range": 0.5}, EXPORTER),
    "FalconForCausalLM-alibi": Architecture("FalconConfig", LONG | {"alibi": True}, TORCH, "with ALiBi"),
    "Olmo2ForCausalLM": Architecture("Olmo2Config", GROUPED, EXPORTER),
    "StableLmForCausalLM": Architecture("StableLmConfig", GROUPED, EXPORTER),
    "BloomForCausalLM": Architecture("BloomConfig", BLOOM, TORCH, "ALiBi"),
    "MptForCausalLM": Architecture("MptConfig", MPT, TORCH, "ALiBi"),
    "GPTJForCausalLM": Architecture("GPTJConfig", GPTJ, TORCH),
    "MambaForCausalLM": Architecture("MambaConfig", MAMBA, TORCH, "a state space"),
    "Mamba2ForCausalLM": Architecture(
        "Mamba2Config", MAMBA | {"num_heads": 4, "head_dim": 32, "n_groups": 1}, TORCH, "a state space"
    ),
    "JambaForCausalLM": Architecture("JambaConfig", MIXED, TORCH, "a state space and attention"),
}

RWKV = TOKENS | {"hidden_size": 64, "num_hidden_layers": 2, "context_length": CONTEXT_LENGTH}
REFUSED = {"RwkvForCausalLM": Architecture("RwkvConfig", RWKV, "")}

COMPILERS = {
    BUILDER: "a graph by ONNX Runtime GenAI's model builder; int8 and int4 too",
    EXPORTER: "a graph by torch's exporter",
    TORCH: "torch",
}


def save_architecture(folder, name, *, bos=False):
    """A checkpoint of random weights. bos: whether its tokenizer writes a start token before each text."""
    architecture = (ARCHITECTURES | REFUSED)[name]
    torch.manual_seed(0)
    config = getattr(transformers, architecture.config)(**architecture.values)
    network = getattr(transformers, name.partition("-")[0])(config).eval()
    network.save_pretrained(folder)
    tokenizer = byte_tokenizer()
    if bos:
        tokenizer.add_special_tokens({"bos_token": "<s>"})
        start = ("<s>", tokenizer.convert_tokens_to_ids("<s>"))
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[start]
        )
    assert tokenizer.eos_token == END
    tokenizer.save_pretrained(folder)
    return Path(folder)


def table():
    """The table of the documentation, in Markdown."""
    rows = [
        f"| `{name.partition('-')[0]}`{', ' + each.feature if each.feature else ''} | {COMPILERS[each.compiler]} |"
        for name, each in ARCHITECTURES.items()
    ]
    return "\n".join(["| architecture | runs as |", "|---|---|", *rows])
