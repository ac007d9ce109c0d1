"""Checkpoints for more than classes and vectors of texts: packed as what they are, equal to transformers' pipelines."""

import pytest
import torch
import transformers

from service import models
from service.capabilities import FillMaskCall, TokensCall, ZeroShotCall
from service.models.encoders.entities import STRATEGIES
from service.packing.checkpoint_task import kind_of
from service.packing.encoder import pack_encoder
from service.settings import Settings
from service.store.versions import Store
from tests.support.small_encoders import ARCHITECTURES, SMALL
from tests.support.tiny_tokenizers import SENTENCES, SIZE, tokenizer_of

SPANS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}
FAMILIES = {
    "Bert": "wordpiece",
    "Camembert": "unigram",
    "DebertaV2": "unigram",
    "ModernBert": "bytes",
    "Roberta": "bytes",
    "XLMRoberta": "unigram",
}  # of tokenizers; others are as BERT's


def checkpoint(folder, name, head, **values):
    """A checkpoint of random weights. name: of an architecture; head: of its class."""
    torch.manual_seed(0)
    given = SMALL | ARCHITECTURES.get(name, {}) | {"vocab_size": SIZE, "max_position_embeddings": 72} | values
    config = getattr(transformers, f"{name}Config")(**given)
    getattr(transformers, f"{name}{head}")(config).eval().save_pretrained(folder)
    tokenizer_of(FAMILIES.get(name, "wordpiece")).save_pretrained(folder)
    return folder


def packed(folder, store, **options):
    version = pack_encoder(folder, name="it", store=store, **options)
    assert version.manifest.spec["runtime"]["measured"] < 1e-5
    model = models.load(Store(store).open("it"), Settings(store=store, workers=1))
    model.warm_up()
    return model


def without_scores(entities):
    return [{name: value for name, value in each.items() if name != "score"} for each in entities]


def test_token_classifiers_are_told_by_their_architecture(tmp_path):
    folder = checkpoint(tmp_path / "it", "Bert", "ForTokenClassification", id2label=SPANS)
    assert kind_of(folder) == "token_classification"


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("name", ["Bert", *ARCHITECTURES])
def test_entities_are_those_of_the_pipeline(tmp_path, name):
    folder = checkpoint(tmp_path / "it", name, "ForTokenClassification", id2label=SPANS)
    model = packed(folder, tmp_path / "store")
    pipeline = transformers.pipeline("token-classification", model=str(folder))
    for strategy in STRATEGIES:
        answer = model.run(TokensCall(SENTENCES, strategy, truncate=True)).values
        for given, expected in zip(answer, pipeline(SENTENCES, aggregation_strategy=strategy), strict=True):
            assert without_scores(given) == without_scores(expected)
            assert [each["score"] for each in given] == pytest.approx(
                [float(each["score"]) for each in expected], abs=1e-5
            )
    model.stop()


NLI = {0: "entailment", 1: "neutral", 2: "contradiction"}
IDS = {label: place for place, label in NLI.items()}


def test_a_network_that_tells_entailment_is_no_classifier_of_one_text(tmp_path):
    """It was packed as one in silence, and told of each text alone whether it follows from nothing."""
    folder = checkpoint(
        tmp_path / "it",
        "Bert",
        "ForSequenceClassification",
        id2label=NLI,
        label2id=IDS,
    )
    assert kind_of(folder) == kind_of(folder, "zero-shot") == "zero_shot_classification"
    assert kind_of(folder, "classify") == "text_classification"
    other = checkpoint(tmp_path / "other", "Bert", "ForSequenceClassification", id2label=SPANS)
    assert kind_of(other) == "text_classification"
    with pytest.raises(ValueError, match="has to begin with 'entail'"):
        pack_encoder(other, name="other", store=tmp_path / "store", task="zero-shot")
    spans = checkpoint(tmp_path / "spans", "Bert", "ForTokenClassification", id2label=SPANS)
    with pytest.raises(ValueError, match="no model for sequence classification"):
        kind_of(spans, "zero-shot")


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["Bert", *ARCHITECTURES])
def test_labels_of_the_request_are_judged_as_the_pipeline_does(tmp_path, name):
    folder = checkpoint(
        tmp_path / "it",
        name,
        "ForSequenceClassification",
        id2label=NLI,
        label2id=IDS,
    )
    model = packed(folder, tmp_path / "store")
    pipeline = transformers.pipeline("zero-shot-classification", model=str(folder))
    labels, texts = ["London", "sport", "日本"], [*SENTENCES, "word " * 90]
    for several in (False, True):
        for template in ("This example is {}.", "{}"):
            given = model.run(ZeroShotCall(texts, labels, template, several, truncate=True)).values
            asked = {"candidate_labels": labels, "hypothesis_template": template, "multi_label": several}
            for found, expected in zip(given, pipeline(texts, **asked), strict=True):
                assert (found["sequence"], found["labels"]) == (expected["sequence"], expected["labels"])
                assert found["scores"] == pytest.approx(expected["scores"], abs=1e-5)
    model.stop()


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["Bert", *ARCHITECTURES])
def test_masks_are_filled_as_the_pipeline_fills_them(tmp_path, name):
    folder = checkpoint(tmp_path / "it", name, "ForMaskedLM")
    assert kind_of(folder) == "fill_mask"
    model = packed(folder, tmp_path / "store")
    pipeline = transformers.pipeline("fill-mask", model=str(folder))
    texts = [f"{text[:12]} <mask>{text[12:30]}" for text in SENTENCES]
    texts += ["<mask> and <mask>", "don't <mask> , it 's <mask>", "word " * 6 + "<mask>"]
    for given, expected in zip(model.run(FillMaskCall(texts, top_k=4)).values, map(pipeline, texts), strict=True):
        several = isinstance(expected[0], list)
        for ours, theirs in zip(given if several else [given], expected if several else [expected], strict=True):
            assert without_scores(ours) == without_scores(theirs[:4])
            scores = [each["score"] for each in theirs[:4]]
            assert [each["score"] for each in ours] == pytest.approx(scores, abs=1e-5)
    model.stop()
