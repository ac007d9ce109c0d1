"""Encoders are packed as what they are, and give what torch gives; what is not served is refused by name."""

import json

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner
from transformers import BertConfig, BertForSequenceClassification, BertModel

from service import models
from service.capabilities import EmbedCall, RerankCall
from service.cli import main
from service.packing import encoder
from service.packing.checkpoint_task import kind_of
from service.packing.cross_encoder import read_cross_encoder
from service.packing.encoder import pack_encoder
from service.packing.encoder_folder import problem_of, read_embedder
from service.packing.encoder_network import pooled
from service.settings import Settings
from service.store.versions import Store
from tests.support.small_encoders import ARCHITECTURES, SMALL
from tests.support.tiny_encoders import letter_tokenizer

LABELS = {0: "no", 1: "perhaps", 2: "yes"}


def tokenizer():
    marks = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=letter_tokenizer(), **marks)


def saved(folder, network):
    network.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def bert(folder, cls=BertForSequenceClassification, **values):
    torch.manual_seed(0)
    return saved(folder, cls(BertConfig(**SMALL | {"id2label": LABELS} | values)).eval())


def sentence_transformers(folder, *, modules=("Transformer", "Pooling"), pooling="pooling_mode_mean_tokens", **more):
    """A folder as that library writes it."""
    bert(folder, BertModel)
    entries = [
        {"idx": place, "name": str(place), "path": f"{place}_{name}" if place else "", "type": f"s_t.models.{name}"}
        for place, name in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, pooling: True}))
    for name, content in more.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def unproven(monkeypatch):
    """Packing ends before the graph is written: what comes before is quick."""
    monkeypatch.setattr(encoder, "write_graph", lambda module, path: (_ for _ in ()).throw(RuntimeError("enough")))


def refusal(folder, store, **options):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        pack_encoder(folder, name="other", store=store, **options)
    return str(caught.value)


def test_a_classifier_gives_what_torch_gives(tmp_path):
    folder = bert(tmp_path / "mood")
    packed = CliRunner().invoke(main, ["pack", str(folder), "--store", str(tmp_path / "store")])
    assert packed.exit_code == 0, packed.output
    assert "equal to torch on" in packed.output
    model = load(tmp_path / "store", "mood")
    network = BertForSequenceClassification.from_pretrained(folder).eval()
    texts = ["a", "what is it?", "x" * 62, "no", ""]
    answer = model.predict(texts, ["predict", "predict_proba"])
    for text, label, chances in zip(texts, *answer.outputs.values(), strict=True):
        with torch.inference_mode():
            expected = network(**tokenizer()(text, return_tensors="pt")).logits.softmax(-1)[0].numpy()
        assert np.allclose(list(chances.values()), expected, atol=1e-5)
        assert label == LABELS[int(expected.argmax())]
    model.stop()


def load(store, name):
    model = models.load(Store(store).open(name), Settings(store=store, workers=1))
    model.warm_up()
    return model


@pytest.mark.parametrize(
    ("cls", "kind"),
    [
        (BertForSequenceClassification, "text_classification"),
        (BertModel, "text_embedding"),
        (transformers.BertForQuestionAnswering, "text_generation"),
    ],
)
def test_the_kind_is_what_the_config_says(tmp_path, cls, kind):
    assert kind_of(bert(tmp_path / "it", cls)) == kind


def test_a_folder_of_sentence_transformers_is_an_embedder_whatever_its_config_names(tmp_path):
    folder = bert(tmp_path / "it")
    (folder / "modules.json").write_text("[]")
    assert kind_of(folder) == "text_embedding"


def test_what_sentence_transformers_says_is_read(tmp_path):
    told = {
        "sentence_bert_config": {"max_seq_length": 20, "do_lower_case": True},
        "config_sentence_transformers": {"prompts": {"query": "q: ", "none": ""}, "default_prompt_name": "query"},
    }
    modules = ("Transformer", "Pooling", "Normalize")
    folder = sentence_transformers(tmp_path / "it", modules=modules, pooling="pooling_mode_cls_token", **told)
    read = read_embedder(folder)
    assert (read.pooling, read.normalized, read.max_tokens, read.lowercase) == ("cls", True, 20, True)
    assert (read.prompts, read.prompt) == ({"query": "q: "}, "query")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"modules": ("Transformer", "Pooling", "Dense")}, "has the modules Transformer, Pooling, Dense"),
        ({"modules": ()}, "has the modules none"),
        ({"pooling": "pooling_mode_weightedmean_tokens"}, "pools by weightedmean_tokens"),
        ({"config_sentence_transformers": {"default_prompt_name": "query"}}, "which is none of its prompts"),
        ({"config_sentence_transformers": {"prompts": ["q: "]}}, "prompts is no object of texts"),
        ({"config_sentence_transformers": ["q: "]}, "config_sentence_transformers.json is no object"),
    ],
)
def test_what_changes_vectors_and_is_not_served_is_refused_by_name(tmp_path, options, said):
    assert said in refusal(sentence_transformers(tmp_path / "it", **options), tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("1_Pooling/config.json", "[]", "config.json is no object"),
        ("modules.json", "{}", "modules.json is no list"),
    ],
)
def test_a_file_of_another_form_is_told_by_its_name(tmp_path, name, content, said):
    """A list where an object was expected ended in a traceback."""
    folder = sentence_transformers(tmp_path / "it")
    (folder / name).write_text(content)
    assert said in refusal(folder, tmp_path / "store")


def test_a_module_outside_of_the_folder_is_refused(tmp_path):
    folder = sentence_transformers(tmp_path / "it")
    modules = json.loads((folder / "modules.json").read_text())
    modules[1]["path"] = "../.."
    (folder / "modules.json").write_text(json.dumps(modules))
    assert "which is not in the folder" in refusal(folder, tmp_path / "store")


def test_networks_that_do_not_fit_are_refused(tmp_path, unproven):
    store = tmp_path / "store"
    left = saved(tmp_path / "left", transformers.GPT2Model(transformers.GPT2Config(**GPT2)).eval())
    assert "reads from left to right" in refusal(left, store)
    both = saved(tmp_path / "both", transformers.BartModel(BART).eval())
    assert "is no encoder of texts" in refusal(both, store)
    cut = bert(tmp_path / "cut")
    config = json.loads((cut / "config.json").read_text())
    (cut / "config.json").write_text(json.dumps(config | {"id2label": {"0": "a", "1": "a"}, "label2id": {"a": 0}}))
    assert "in another shape" in refusal(cut, store)
    assert "BertModel cannot be compiled: RuntimeError: enough" in refusal(bert(tmp_path / "b", BertModel), store)
    assert "weights of float32; int4" in refusal(cut, store, precision="int4")
    same = bert(tmp_path / "same", id2label={0: "a", 1: "a"})
    assert "same name: a, a" in refusal(same, store)
    assert "expected a context length of 3 to 64 tokens" in refusal(tmp_path / "b", store, max_tokens=65)


GPT2 = {"vocab_size": 80, "n_positions": 64, "n_embd": 32, "n_layer": 1, "n_head": 2}
BART = transformers.BartConfig(
    vocab_size=80, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2
)


def test_how_numbers_are_read_is_told_or_refused():
    assert problem_of(BertConfig(num_labels=3)) == "single_label_classification"
    assert problem_of(BertConfig(num_labels=1, problem_type="regression")) == "regression"
    with pytest.raises(ValueError, match="one label and no problem_type"):
        problem_of(BertConfig(num_labels=1))


def cross_encoder(folder, *, shared=None, modules=None, **config):
    """A reranker, with token types as BERT's have them. config: more of its config.json."""
    bert(folder, num_labels=1, id2label={0: "LABEL_0"})
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(told | config))
    types = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | types))
    if shared is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(shared))
        (folder / "modules.json").write_text(json.dumps(modules or [{"type": "a.b.Transformer", "path": ""}]))
    return folder


IDENTITY = "torch.nn.modules.linear.Identity"
MARKS = [
    {"sbert_ce_default_activation_function": IDENTITY},
    {"sentence_transformers": {"activation_fn": IDENTITY, "version": "5.1"}},
    {"shared": {"model_type": "CrossEncoder", "activation_fn": IDENTITY}},
]


@pytest.mark.parametrize("mark", MARKS)
def test_a_cross_encoder_is_told_by_what_sentence_transformers_wrote(tmp_path, mark):
    folder = cross_encoder(tmp_path / "it", **mark)
    assert kind_of(folder) == kind_of(folder, "rerank") == "text_reranking"
    assert read_cross_encoder(folder).activation == "identity"


def test_a_reranker_without_a_mark_is_one_only_where_that_is_said(tmp_path):
    folder = cross_encoder(tmp_path / "it")
    assert kind_of(folder) == "text_classification"
    assert "a reranker: --task rerank" in refusal(folder, tmp_path / "store")
    assert (kind_of(folder, "rerank"), read_cross_encoder(folder).activation) == ("text_reranking", "sigmoid")
    with pytest.raises(ValueError, match="no model for sequence classification"):
        kind_of(bert(tmp_path / "other", BertModel), "rerank")
    refused = CliRunner().invoke(main, ["pack", str(tmp_path / "it" / "config.json"), "--task", "rerank"])
    assert (refused.exit_code, "--task says what a folder" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.ReLU"}}, "served are identity"),
        ({"sentence_transformers": {"activation_fn": "mine.Sigmoid"}}, "makes its scores by mine.Sigmoid"),
        (MARKS[2] | {"modules": [{"type": "a.Transformer", "path": ""}, {"type": "a.Dense", "path": "1"}]}, "Dense"),
        ({"shared": {"model_type": "CrossEncoder", "default_prompt_name": "q"}}, "default_prompt_name"),
        (MARKS[0] | {"id2label": {"0": "a", "1": "b"}}, "has 2 labels, so it classifies pairs"),
    ],
)
def test_what_changes_scores_and_is_not_served_is_refused_by_name(tmp_path, options, said):
    assert said in refusal(cross_encoder(tmp_path / "it", **options), tmp_path / "store")


@pytest.mark.heavy
def test_a_reranker_gives_what_torch_gives_for_pairs(tmp_path):
    folder = cross_encoder(tmp_path / "ranks", **MARKS[0])
    packed = CliRunner().invoke(main, ["pack", str(folder), "--store", str(tmp_path / "store")])
    assert packed.exit_code == 0, packed.output
    model = load(tmp_path / "store", "ranks")
    network = BertForSequenceClassification.from_pretrained(folder).eval()
    pairs = [("why?", "because"), ("", "no"), ("x" * 40, "y" * 30), ("x" * 7, "y" * 90)]
    answer = [model.run(RerankCall(query, [text], truncate=True)).logits[0] for query, text in pairs]
    for pair, number in zip(pairs, answer, strict=True):
        ids = tokenizer()([pair], truncation=True, max_length=64, return_tensors="pt", return_token_type_ids=True)
        assert ids["token_type_ids"].any()
        with torch.inference_mode():
            assert abs(float(network(**ids).logits) - number) < 1e-5
    model.stop()


def test_pooling_is_that_of_sentence_transformers():
    states = torch.tensor([[[1.0, -1.0], [3.0, -5.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0]])
    expected = {"mean": [2, -3], "cls": [1, -1], "max": [3, -1], "lasttoken": [3, -5]}
    assert {name: pooled(states, mask, name)[0].tolist() for name in expected} == expected


@pytest.mark.heavy
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_gives_what_torch_gives(tmp_path, name):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SMALL | {"id2label": LABELS} | ARCHITECTURES[name])
    network = getattr(transformers, f"{name}ForSequenceClassification")(config).eval()
    version = pack_encoder(saved(tmp_path / "it", network), name="it", store=tmp_path / "store")
    assert version.manifest.spec["runtime"]["measured"] < 1e-5
    load(tmp_path / "store", "it").stop()


@pytest.mark.heavy
@pytest.mark.parametrize("pooling", ["pooling_mode_cls_token", "pooling_mode_max_tokens", "pooling_mode_lasttoken"])
def test_every_pooling_gives_what_torch_gives(tmp_path, pooling):
    folder = sentence_transformers(tmp_path / "it", modules=("Transformer", "Pooling", "Normalize"), pooling=pooling)
    version = pack_encoder(folder, name="it", store=tmp_path / "store")
    assert version.manifest.spec["runtime"]["measured"] < 1e-5
    model = load(tmp_path / "store", "it")
    assert np.allclose(np.linalg.norm(model.run(EmbedCall(["abc", "de"])).vectors, axis=1), 1, atol=1e-6)
    model.stop()
