"""What is packed as a text generator is one: every other checkpoint is refused for what it is."""

import json

import pytest
import torch
import transformers
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from service import models
from service.cli import main
from service.generation.params import SamplingParams
from service.packing.checkpoint import pack_checkpoint
from service.packing.checkpoint_task import task_of
from service.settings import Settings
from service.store.versions import Store
from tests.support.tiny_text import byte_tokenizer, save_checkpoint

SMALL = {
    "vocab_size": 257,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
GPT2 = {"vocab_size": 257, "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 128, "pad_token_id": 0}
LLAMA = SMALL | {"num_key_value_heads": 1, "head_dim": 16}
DISTILBERT = {"vocab_size": 257, "dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
SEQUENCES = {"vocab_size": 257, "d_model": 32, "pad_token_id": 0}
T5 = SEQUENCES | {"d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
BART = SEQUENCES | {
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2} | {
    "image_size": 32,
    "patch_size": 16,
}
SOUND = {"conv_dim": (32, 32), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_feat_extract_layers": 2}
WHISPER = BART | {"decoder_start_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}

# (config class, its values, network class, what the refusal calls it)
OTHERS = [
    # The embeddings of these three are tied: they once were packed as text generators, two of them "proven".
    ("GPT2Config", GPT2, "GPT2ForSequenceClassification", "for sequence classification"),
    ("Qwen2Config", LLAMA | {"vocab_size": 320}, "Qwen2ForSequenceClassification", "for sequence classification"),
    ("GemmaConfig", LLAMA, "GemmaForTokenClassification", "for token classification"),
    ("LlamaConfig", LLAMA | {"num_labels": 1}, "LlamaForSequenceClassification", "for sequence classification"),
    ("GPT2Config", GPT2, "GPT2Model", "without a head"),
    ("GPT2Config", GPT2, "GPT2DoubleHeadsModel", "knows no task of"),
    ("BertConfig", SMALL, "BertModel", "without a head"),
    ("BertConfig", SMALL, "BertForSequenceClassification", "for sequence classification"),
    ("BertConfig", SMALL, "BertForQuestionAnswering", "for question answering"),
    ("BertConfig", SMALL, "BertForPreTraining", "for pretraining"),
    ("BertConfig", SMALL, "BertForMultipleChoice", "for multiple choice"),
    ("RobertaConfig", SMALL, "RobertaForTokenClassification", "for token classification"),
    ("DistilBertConfig", DISTILBERT, "DistilBertForMaskedLM", "for filling masks"),
    ("T5Config", T5, "T5ForConditionalGeneration", "a sequence into another"),
    ("BartConfig", BART, "BartForConditionalGeneration", "a sequence into another"),
    ("WhisperConfig", WHISPER, "WhisperForConditionalGeneration", "for speech recognition"),
    ("Wav2Vec2Config", SMALL | SOUND, "Wav2Vec2ForCTC", "for speech recognition"),
    ("ViTConfig", VISION, "ViTForImageClassification", "for image classification"),
]


# What the command makes of these, which have a kind of their own; all others are refused.
KINDS = {
    "GPT2ForSequenceClassification": "text_classification",
    "Qwen2ForSequenceClassification": "text_classification",
    "GemmaForTokenClassification": "token_classification",
    "BertModel": "text_embedding",
    "BertForSequenceClassification": "text_classification",
    "RobertaForTokenClassification": "token_classification",
}
# Of those that have a kind, and cannot be packed as it: why.
REASONS = {
    "LlamaForSequenceClassification": "has one label and no problem_type",
    "GPT2Model": "GPT2Model is a model without a head that reads from left to right",
    "DistilBertForMaskedLM": "its tokenizer has no mask",
    "ViTForImageClassification": "holds no preprocessor_config.json",
}


def network(config, values, name):
    torch.manual_seed(0)
    return getattr(transformers, name)(getattr(transformers, config)(**values)).eval()


def saved(folder, config, values, name):
    """A checkpoint of random weights, with a tokenizer."""
    network(config, values, name).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def refusal(folder, store):
    """The sentence that packing ends with; nothing is left in the store."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        pack_checkpoint(folder, name="other", store=store)
    assert not store.exists() or not Store(store).models()
    return str(caught.value)


@pytest.mark.parametrize(("config", "values", "name", "said"), OTHERS, ids=[other[2] for other in OTHERS])
def test_what_writes_no_text_is_refused_for_what_it_is(tmp_path, config, values, name, said):
    sentence = refusal(saved(tmp_path / "other", config, values, name), tmp_path / "store")
    assert said in sentence
    assert f"({name}); it is no text generator" in sentence
    assert "pack mymodel.py:Class" in sentence


@pytest.mark.heavy
@pytest.mark.parametrize(("config", "values", "name", "said"), OTHERS, ids=[other[2] for other in OTHERS])
def test_the_command_packs_each_as_what_it_is_or_refuses_it_by_name(tmp_path, config, values, name, said):
    """Proven against torch, a classifier that reads from left to right is one, too."""
    folder, store = saved(tmp_path / "other", config, values, name), tmp_path / "store"
    done = CliRunner().invoke(main, ["pack", str(folder), "--store", str(store)])
    if name in KINDS:
        assert done.exit_code == 0, done.output
        assert Store(store).open("other").manifest.kind == KINDS[name]
    else:
        assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
        for told in (REASONS[name],) if name in REASONS else (said, f"({name}); it is no text generator"):
            assert told in done.output
        assert not store.exists() or not Store(store).models()


@pytest.mark.parametrize("name", ["GPT2ForSequenceClassification", "GPT2ForTokenClassification"])
def test_a_head_is_never_dropped_where_the_config_names_none(tmp_path, name):
    """The weights tell what the config does not, in both forms of checkpoint."""
    folder = saved(tmp_path / "other", "GPT2Config", GPT2, name)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": None}))
    assert "which the network has not" in refusal(folder, tmp_path / "store")
    torch.save(load_file(folder / "model.safetensors"), folder / "checkpoint.pt")
    (folder / "model.safetensors").unlink()
    assert "which the network has not" in refusal(folder, tmp_path / "store")


def test_the_value_head_of_a_text_generator_is_not_dropped(tmp_path):
    """As reinforcement learning saves it, the config names the language model alone."""
    folder = save_checkpoint(tmp_path / "valued")
    state = load_file(folder / "model.safetensors") | {"v_head.summary.weight": torch.zeros(1, 32)}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert "hold v_head.summary.weight, which the network has not" in refusal(folder, tmp_path / "store")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("modules.json", "a sentence-transformers model"),
        ("adapter_config.json", r"merge_and_unload\(\)"),
        ("model_index.json", "a diffusion pipeline"),
        ("weights.Q4_K_M.gguf", "llama.cpp's format"),
    ],
)
def test_the_files_of_other_formats_tell_what_they_are(tmp_path, file, said):
    """Qwen3-Embedding names Qwen3ForCausalLM in its config, and modules.json makes an embedding model of it."""
    folder = save_checkpoint(tmp_path / "other")
    (folder / file).write_text("[]")
    with pytest.raises(ValueError, match=said):
        pack_checkpoint(folder, name="other", store=tmp_path / "store")


def test_weights_of_tensorflow_alone_are_named(tmp_path):
    folder = save_checkpoint(tmp_path / "other")
    (folder / "tf_model.h5").write_text("")
    pack_checkpoint(folder, name="both", store=tmp_path / "store", runtime="torch")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="weights of TensorFlow"):
        pack_checkpoint(folder, name="other", store=tmp_path / "store")


def test_bert_writes_texts_only_where_it_reads_from_left_to_right(tmp_path):
    both = saved(tmp_path / "both", "BertConfig", SMALL, "BertLMHeadModel")
    assert "reads texts in both directions" in refusal(both, tmp_path / "store")
    left = saved(tmp_path / "left", "BertConfig", SMALL | {"is_decoder": True}, "BertLMHeadModel")
    packed = pack_checkpoint(left, name="left", store=tmp_path / "store", runtime="torch")
    params = SamplingParams(max_tokens=5, temperature=0)
    assert models.load(packed, Settings(workers=1)).generate("abc", params).completion_tokens == 5


def test_a_config_that_contradicts_itself_is_refused(tmp_path):
    folder = save_checkpoint(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mistral"}))
    assert "names LlamaForCausalLM, and its model_type 'mistral' is that of Mistral" in refusal(
        folder, tmp_path / "store"
    )
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LLaMAForCausalLM"]}))
    assert pack_checkpoint(folder, name="old", store=tmp_path / "store", runtime="torch")
    strange = {"architectures": ["OwnForCausalLM"], "auto_map": {"AutoModelForCausalLM": "own.OwnForCausalLM"}}
    (folder / "config.json").write_text(json.dumps(config | strange))
    with pytest.raises(ValueError, match=r"knows no task of \(OwnForCausalLM\)"):
        pack_checkpoint(folder, name="other", store=tmp_path / "store")
    (folder / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json is no object"):
        pack_checkpoint(folder, name="other", store=tmp_path / "store")


def test_the_command_says_it_in_one_line(tmp_path):
    folder = saved(tmp_path / "other", "BertConfig", SMALL, "BertForQuestionAnswering")
    result = CliRunner().invoke(main, ["pack", str(folder), "--store", str(tmp_path / "store")])
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert result.output.startswith(f"Error: {folder} holds a model for question answering")


def test_every_class_for_texts_that_transformers_lists_is_a_text_generator():
    assert {task_of(name) for name in ("GPT2LMHeadModel", "LlamaForCausalLM", "XLMWithLMHeadModel")} == {"CAUSAL_LM"}
